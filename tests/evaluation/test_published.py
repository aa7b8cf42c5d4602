"""The gallery's own tables, and what can be computed from them again."""

from __future__ import annotations

import json

import pytest

from dj_assets.evaluation.comparison import computed_totals
from dj_assets.evaluation.of_subset import evaluations_of, published_subsets
from tests.paths import shared


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))


def test_the_shipped_tables_are_the_gallerys():
    published = json.loads((shared() / "spec/gallery.json").read_text())["evaluation"]
    want: dict[str, dict[str, float]] = {}
    for entry in published:
        want.setdefault(entry["model"], {}).update(entry["scores"])
    found: dict[str, dict[str, float]] = {}
    for subset in published_subsets():
        for record in evaluations_of(subset).records:
            assert record.origin == "published"
            found.setdefault(record.model, {})[record.benchmark] = record.value
    assert found == want


def test_llava_wins_ten_of_twelve():
    (comparison,) = evaluations_of("llava_pretrain").comparisons()
    assert len(comparison.differences) == 12
    assert [comparison.count(verdict) for verdict in ("win", "tie", "loss")] == [10, 0, 2]
    lost = {one.benchmark: one.delta for one in comparison.differences if one.verdict == "loss"}
    assert lost == {"VQAv2": -0.06, "TextVQA": -0.48}
    (mme,) = [one for one in comparison.differences if one.benchmark == "MME"]
    assert (mme.unit, mme.relative) == ("points", pytest.approx(34.23 / 1531.3))
    assert comparison.standing == "published"


@pytest.mark.parametrize("subset", ["t2v_147k", "t2v_228k"])
def test_vbench_totals_computed_from_the_dimensions_are_the_published_ones(subset):
    records = evaluations_of(subset).records
    for model in {record.model for record in records}:
        own = [record for record in records if record.model == model]
        published = {record.benchmark: record.value for record in own}
        totals = computed_totals(own)
        assert not totals.missing
        assert totals.quality == pytest.approx(published["Quality Score"], abs=0.02)
        assert totals.semantic == pytest.approx(published["Semantic Score"], abs=0.02)
        assert totals.total == pytest.approx(published["Total Score"], abs=0.02)


def test_the_gains_of_the_two_video_subsets():
    gains = {}
    for subset in ("t2v_147k", "t2v_228k"):
        (comparison,) = evaluations_of(subset).comparisons()
        gains[subset] = {one.benchmark: one.delta for one in comparison.totals}["Total Score"]
        assert len(comparison.differences) == 16, "totals are neither won nor lost"
    assert gains == {"t2v_147k": 1.09, "t2v_228k": 1.52}
