"""The pictures are XML, and show what they are given."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import pytest

from dj_assets.evaluation.comparison import compare
from dj_assets.evaluation.evaluation_records import EvaluationRecord
from dj_assets.home.layout import Layout
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.sandbox.discovery import Standings
from dj_assets.sandbox.experiment import ExperimentEntry, Round
from dj_assets.sandbox.pools import PARTS, Edge, Pool, Third
from dj_assets.sandbox.ranking import Score
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.page.sandbox import evaluation, sandbox_page
from dj_assets.views.sandbox.benchmarks import benchmarks_svg
from dj_assets.views.sandbox.card import shade
from dj_assets.views.sandbox.correlation_matrix import correlation_matrix_svg, neighbours
from dj_assets.views.sandbox.heat_map import heat_map_svg
from dj_assets.views.sandbox.pyramid import pyramid_svg
from dj_assets.views.sandbox.scatter import scatter_svg
from dj_assets.views.sandbox.tables import change, difference_rows, score_rows, wins_and_losses


def third(statistic: str, part: str) -> Third:
    return Third(statistic, part, False, Edge(0, 0), Edge(1, 0), 0, 1, 30, 31)


ENTRIES = [ExperimentEntry(Pool("random"), 90, 90, "r", {"a<b": 2.0, "c": 5.0})]
for place, (name, part) in enumerate((name, part) for name in ("a<b", "c") for part in PARTS):
    ENTRIES.append(
        ExperimentEntry(Pool(f"{name}_{part}", (third(name, part),)), 30, 31, f"{place}", {"a<b": place, "c": 5.0})
    )
PROBE = Round("probe", "run", 30, "random", tuple(ENTRIES), {}, {})
SCORES = [
    Score("a<b_high", 8.0, 1.0, 3, "better"),
    Score("a<b_mid", 0.4, 2.0, 3, "no difference"),
    Score("random", 0.0, 0.5, 3, "baseline"),
    Score("a<b_low", -6.0, 1.0, 2, "worse", missing={3: "ended with exit code 1\n<oom>"}),
    Score("c_low", None, None, 0, "no result", missing={1: "timed out"}),
    Score("c_mid", 1.0, None, 1, "one run"),
    Score("c_high", 2.0, 0.1, 3, "better"),
]


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_heat_map_has_every_third_best_statistic_first():
    svg = heat_map_svg(PROBE, SCORES, "toy")
    told = words(svg)
    assert told.index("a<b") < told.index("c")
    assert {"+8.00 ± 1.00 %", "+0.40 ± 2.00 %", "-6.00 ± 1.00 %  (n = 2)", "no result", "+1.00 %"} <= set(told)
    assert svg.count('class="none"') == 2, "no difference, no result"


def test_better_and_worse_have_their_own_colours():
    assert shade(0) == "#f1f4f7"
    better, worse = shade(1), shade(-1)
    assert int(better[5:], 16) > int(better[1:3], 16)
    assert int(worse[5:], 16) < int(worse[1:3], 16)
    assert shade(7) == better


def test_the_scatter_has_a_dot_a_pool():
    svg = scatter_svg(PROBE, SCORES, {"a<b": 0.9, "c": None}, "toy")
    assert {"r = 0.90", "r is not defined"} <= set(words(svg))
    dots = re.findall(r'd="((?:M\d+ \d+h0)+)"', svg)
    assert sum(path.count("M") for path in dots) == 2 * 6, "the pool without a result is not there"


def test_correlated_statistics_stand_side_by_side():
    between = {("a", "b"): 0.1, ("a", "c"): -0.9, ("b", "c"): 0.2, ("a", "d"): 0.0, ("b", "d"): 0.8, ("c", "d"): None}
    assert neighbours(between, list("abcd")) == ["a", "c", "b", "d"]
    told = words(correlation_matrix_svg(between, {"a": 0.5}, list("abcd"), "toy"))
    assert told.count("-.90") == 2
    assert ".50" in told


def test_the_pyramid_has_its_tip_on_top_with_sizes_and_scores():
    sizes = {"top-x": 30, "top-y": 29, "top-x+y": 11}
    combined = Round("combined", "run", 11, "top-random", (), {"top-y": "only"}, sizes)
    scores = [
        Score("top-x+y", 9.0, 1.0, 3, "better"),
        Score("top-x", 4.0, 1.0, 3, "better"),
        Score("top-tip_x2", 7, 1, 3, "better"),
    ]
    told = words(pyramid_svg(combined, scores, "toy"))
    assert told.index("11 samples") < told.index("30 samples")
    assert {"+9.00 ± 1.00 %", "not trained", "tip_x2"} <= set(told)
    assert any("1 too small to train on" in line for line in told)


@pytest.mark.parametrize("thirds", [1, 2, 4, 6])
def test_a_pyramid_of_many_thirds_stays_on_its_card(thirds):
    names = ["top-" + "+".join(f"t{n}" for n in range(thirds) if mask >> n & 1) for mask in range(1, 1 << thirds)]
    combined = Round("combined", "run", 11, "top-random", (), {}, dict.fromkeys(names, 12))
    svg = pyramid_svg(combined, [Score(name, 1.0, 1.0, 3, "better") for name in names], "toy")
    boxes = [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("rect") and e.get("rx") == "6"]
    assert len(boxes) == 2**thirds - 1
    assert all(float(b.get("x")) >= 0 and float(b.get("x")) + float(b.get("width")) <= 900 for b in boxes)


def test_the_benchmark_table_colours_by_direction_and_keeps_origins_apart():
    records = [
        EvaluationRecord("s", model, "loss", value, origin=origin, higher_is_better=False, refined_hash=version)
        for model, origin, version, value in (
            ("raw", "published", None, 2.0),
            ("ours", "published", None, 1.5),
            ("raw", "measured", "v1", 2.0),
            ("ours", "measured", "v1", 2.5),
        )
    ]
    compared = compare(records, "raw", "v2")
    svg = benchmarks_svg(compared, "s")
    told = words(svg)
    assert "loss ↓" in told
    assert sum("published, against raw" in line for line in told) == 1
    assert sum("an earlier version, against raw" in line for line in told) == 1
    assert re.search(r'class="e better">-0.5<', svg)
    assert re.search(r'class="e worse">\+0.5<', svg)
    assert wins_and_losses(compared[0]) == "1 wins, 0 ties, 0 losses of 1"
    assert difference_rows(compared[0])[0]["delta"] == "-0.5 (-25.00 %)"


def test_the_page_of_a_sandbox():
    page = sandbox_page(Standings((PROBE,), {"probe": SCORES}, {("a<b", "c"): 0.3}), "toy")
    assert page.count("<img src=") == 3
    assert page.count("<style>") == 1
    assert "&lt;oom&gt;" in page
    assert "<oom>" not in page
    assert "a&lt;b_high" in page


def test_the_evaluation_section_of_a_report(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))

    def section(subset: str) -> Section:
        block = {"subset": subset, "group": "g"}
        recipe = load_recipe({"process": ["text_length_filter"], "asset": block})
        return evaluation(ReportInput({}, make_plan(recipe), Layout.home(tmp_path / subset), None))

    svg = base64.b64decode(section("llava_pretrain").body.partition("base64,")[2].partition('"')[0])
    assert b"10 wins, 0 ties, 2 losses of 12" in svg
    assert section("c4").about == "No benchmark results were entered; use dj-assets eval add to enter them."


def test_a_score_reads_without_a_minus_zero():
    assert change(Score("p", -0.001, 0.2, 3, "baseline")) == "+0.00 ± 0.20 %"
    assert change(Score("p", None, None, 0, "no result")) == "–"
    assert score_rows(SCORES)[3]["runs"] == "2 (1 missing)"
