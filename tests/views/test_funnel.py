from __future__ import annotations

from dj_assets.home.run_manifest import FunnelStep
from dj_assets.recipe.model import AssetBlock, GalleryRecipe, Recipe, Reference
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from dj_assets.views.funnel import funnel_rows, reference_line

Small = tuple[Plan, RunResult]


def test_every_operator_has_a_row_after_what_loading_lost(small: Small) -> None:
    _, result = small
    rows = funnel_rows(result.funnel, result.samples_in)
    assert rows == [
        {"operator": "load", "in": 101, "out": 99, "kept": "98.0 %"},
        {"operator": "whitespace_normalization_mapper", "in": 99, "out": 99, "kept": "100 %"},
        {"operator": "text_length_filter", "in": 99, "out": 74, "kept": "74.7 %"},
        {"operator": "alphanumeric_filter", "in": 74, "out": 64, "kept": "86.5 %"},
        {"operator": "document_simhash_deduplicator", "in": 64, "out": 60, "kept": "93.8 %"},
    ]


def test_loading_without_loss_has_no_row(small: Small) -> None:
    _, result = small
    assert [row["operator"] for row in funnel_rows(result.funnel, 99)] == [step.operator for step in result.funnel]
    assert funnel_rows(result.funnel) == funnel_rows(result.funnel, 99)


def test_a_step_without_samples_has_no_share() -> None:
    step = FunnelStep(
        operator="words_num_filter", params={}, samples_in=0, samples_out=0, dropped=0, quarantined=0, seconds=0.0
    )
    assert funnel_rows([step])[0]["kept"] == "–"
    assert funnel_rows([]) == []


def recipe(rows_in: int, rows_out: int, published: float) -> Recipe:
    reference = Reference(rows_in=rows_in, rows_out=rows_out, published_retention=published)
    return GalleryRecipe("r.yaml", (), asset=AssetBlock(subset="s", group="g", reference=reference))


def test_retention_stands_beside_the_published_one(small: Small) -> None:
    result = small[1].manifest.model_copy(update={"retention": 0.931})
    line = reference_line(recipe(364_868_892, 344_491_171, 0.9442), result)
    assert line == "94.42 % published (344,491,171 of 364,868,892); here 93.10 %"


def test_a_published_rate_that_contradicts_its_counts_is_shown_with_them(small: Small) -> None:
    result = small[1].manifest.model_copy(update={"retention": 0.5})
    line = reference_line(recipe(10_000, 5348, 0.5448), result)
    assert line == "54.48 % published, but its counts give 53.48 % (5,348 of 10,000); here 50.00 %"


def test_without_a_published_rate_the_line_says_so(small: Small) -> None:
    assert reference_line(Recipe("r.yaml", ()), small[1].manifest) == "nothing published; here 59.41 % (60 of 101)"
