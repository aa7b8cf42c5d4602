from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dj_assets.errors import RecipeError, UserError
from dj_assets.models import extras, load
from dj_assets.models.store import ModelStore
from dj_assets.operators.text.perplexity_filter import PerplexityFilter
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.paths import shared

TEXT = "The people of the United States have chosen.\nThey have spoken, 数据 😀."


def test_as_the_two_libraries_say(bench: Any) -> None:
    made = PerplexityFilter()
    batch = bench.batch(made, [TEXT, ""])
    pieces = load.sentencepiece(batch.models.find("en.sp.model").path).encode(TEXT, out_type=str)
    score = load.kenlm(batch.models.find("en.arpa.bin").path).score(" ".join(pieces))
    assert made.measure(batch)["perplexity"].to_pylist() == [round(10 ** (-score / (len(pieces) + 1)), 1), 0.0]


def test_noise_is_more_surprising_than_prose(bench: Any) -> None:
    prose, noise = bench.measured(PerplexityFilter(), "The people of the United States.", "xq zzv kjw qqp vvx wz")
    assert 0 < prose < noise


@pytest.mark.shared
def test_a_model_that_only_the_library_reads_is_refused_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = make_plan(load_recipe({"process": [{"perplexity_filter": {}}]}))
    for name in ("en.sp.model", "en.arpa.gz"):
        (tmp_path / name).symlink_to(shared() / "conformance/models" / name)
    store = ModelStore((tmp_path,))
    assert len(plan.models(store)) == 2
    monkeypatch.setattr(extras, "installed", lambda package: package != "kenlm")
    with pytest.raises(RecipeError, match=r"en\.arpa\.gz is no plain binary trie, .* pip install 'dj_assets\[kenlm\]'"):
        plan.models(store)
    with pytest.raises(UserError, match=r"Please install kenlm"):
        load.kenlm.__wrapped__(tmp_path / "en.arpa.gz")
    (tmp_path / "en.arpa.gz").unlink()
    (tmp_path / "en.arpa.bin").symlink_to(shared() / "conformance/models/en.arpa.bin")
    assert len(plan.models(store)) == 2


def test_models_of_the_language() -> None:
    assert PerplexityFilter(lang="zh").models() == ("zh.sp.model", "zh.arpa.bin")
