"""Generate `docs/gallery.md` from the recipes, and from runs over the sample data in the data home if there are any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import dj_assets.samples
from dj_assets import settings
from dj_assets.analysis.figures import percent, rate
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.home.run_manifest import RunManifest
from dj_assets.home.writing import replace_atomically
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import make_plan
from dj_assets.reference.operator_docs import table

SAMPLE_HEADING = "## Results on the sample data"
_ROUNDING = 0.0001
_HEAD = """\
# Gallery

`make docs` generates this page from the recipes. A test fails if the page is out of date.

Every recipe below `recipes/` is an asset, with the thresholds of Data-Juicer's gallery. According to the gallery, the
thresholds of its refined subsets follow the three-sigma rule: the mean of a statistic over the subset, less or plus
three standard deviations. `dj-assets tune SUBSET` applies the same rule, or quantiles, or a keep rate, to other data.

## Published figures

The table shows the numbers of rows before and after as the gallery states them, the retention that it publishes, and
the retention computed from its numbers of rows. The computed one is in bold if the two differ by more than rounding.
"""
_SAMPLES = """\
The sample data are a few hundred generated documents for each subset, with planted defects
(`dj_assets/samples/README.md`). They show how the recipes work. Their retention says nothing about the real subset.
"""
_NO_RUNS = "No runs over the sample data existed when this page was generated. `make demo docs` makes them."


def render_gallery_page(recipes: Sequence[GalleryRecipe]) -> str:
    """Return the part of the page that depends on the recipes only."""
    published = [row for recipe in recipes for row in _published(recipe)]
    others = [f"`{recipe.name}`" for recipe in recipes if recipe.reference is None]
    operators = [{"asset": f"`{recipe.name}`", "operators, in order": _operators(recipe)} for recipe in recipes]
    parts = [_HEAD.strip(), table(published)]
    parts += [f"Without published figures: {', '.join(others)}."] if others else []
    return "\n\n".join([*parts, "## Operators", table(operators)]) + "\n"


def render_samples(runs: Iterable[tuple[GalleryRecipe, RunManifest]]) -> str:
    """Return the section about runs over the sample data, given as recipes with the manifests of their runs."""
    listed = list(runs)
    if not listed:
        return f"{SAMPLE_HEADING}\n\n{_NO_RUNS}\n"
    rows = [_sample_row(recipe, manifest) for recipe, manifest in listed]
    notes = {model.name: model.note for _, manifest in listed for model in manifest.models if model.note}
    parts = [SAMPLE_HEADING, _SAMPLES.strip(), table(rows)]
    if notes:
        stand_ins = "; ".join(f"`{name}`: {note}" for name, note in sorted(notes.items()))
        parts.append(f"Models used in place of the real ones: {stand_ins}.")
    return "\n\n".join(parts) + "\n"


def static_part(page: str) -> str:
    """Return the part of an existing page that depends on the recipes only."""
    return page.partition(f"\n{SAMPLE_HEADING}")[0]


def write_gallery_page(path: Path, home: Path) -> None:
    """Write the page. Without runs in the data home, the existing section about them is kept."""
    recipes = shipped_recipes()
    runs = list(_sample_runs(recipes, home))
    old = path.read_text("utf-8") if path.exists() else ""
    _, heading, rest = old.partition(SAMPLE_HEADING)
    samples = render_samples(runs) if runs or not heading else heading + rest
    with replace_atomically(path) as temporary:
        temporary.write_text(f"{render_gallery_page(recipes)}\n{samples}", "utf-8")


def shipped_recipes() -> list[GalleryRecipe]:
    """Return the included recipes in the order of the gallery, without those of the user."""
    return list(find_gallery((settings.included_recipes(),)).recipes.values())


def _published(recipe: GalleryRecipe) -> list[dict[str, str]]:
    reference = recipe.reference
    if reference is None:
        return []
    differs = abs(reference.published_retention - reference.computed_retention) > _ROUNDING
    computed = rate(reference.computed_retention)
    return [
        {
            "asset": f"`{recipe.name}`",
            "rows in": f"{reference.rows_in:,}",
            "rows out": f"{reference.rows_out:,}",
            "published": rate(reference.published_retention),
            "computed": f"**{computed}**" if differs else computed,
        }
    ]


def _operators(recipe: GalleryRecipe) -> str:
    return ", ".join(f"`{step.label}`" for step in make_plan(recipe).steps)


def _sample_runs(recipes: Iterable[GalleryRecipe], home: Path) -> Iterable[tuple[GalleryRecipe, RunManifest]]:
    """Yield the runs in the data home whose shards are sample data only, or subsets refined from sample data."""
    known = [Path(next(iter(dj_assets.samples.__path__))).resolve()]
    for recipe in recipes:
        layout = Layout.home(home / recipe.asset.subset)
        manifest = newest_run(layout)
        paths = [Path(shard.path).resolve() for shard in manifest.sources] if manifest else []
        if manifest and all(any(path.is_relative_to(folder) for folder in known) for path in paths):
            known.append(layout.refined.resolve())
            yield recipe, manifest


def _sample_row(recipe: GalleryRecipe, manifest: RunManifest) -> dict[str, str]:
    lost = {step.operator: step.dropped for step in manifest.funnel}
    lost = {"load": manifest.dropped_by_load, **lost}
    return {
        "asset": f"`{recipe.name}`",
        "in": f"{manifest.samples_in:,}",
        "out": f"{manifest.samples_out:,}",
        "retention": percent(manifest.samples_out, manifest.samples_in),
        "dropped by": ", ".join(f"{name} {count:,}" for name, count in lost.items() if count) or "none",
        "quarantined": f"{manifest.quarantined:,}",
        "seconds": f"{sum(manifest.seconds.values()):.1f}",
    }


if __name__ == "__main__":
    write_gallery_page(settings.project_root() / "docs" / "gallery.md", settings.data_home())
