"""The gallery as a whole: every subset with its newest run and the published figures, as cards or as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dj_assets.analysis.figures import percent, rate
from dj_assets.analysis.run_checks import CHECKS, check_input_of
from dj_assets.errors import DjError
from dj_assets.home.home import home_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, run_before
from dj_assets.home.run_manifest import RunManifest
from dj_assets.recipe.gallery import Gallery
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import make_plan
from dj_assets.views.page.html import Html, joined, table, tag
from dj_assets.views.page.whole import whole_page
from dj_assets.views.sankey import small_funnel

NEVER_RUN, CURRENT, CHANGED = "not run yet", "up to date", "the recipe changed since"
_MOST_WARNINGS = 4


@dataclass(frozen=True)
class GalleryEntry:
    """A subset of the gallery: its recipe, its newest run, how fresh this is, and the warnings about it."""

    recipe: GalleryRecipe
    layout: Layout
    manifest: RunManifest | None
    freshness: str
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the name of the subset."""
        return self.recipe.asset.subset


def gallery_entries(gallery: Gallery) -> list[GalleryEntry]:
    """Return all subsets of the gallery in the order of groups and names; checks are evaluated again."""
    recipes = sorted(gallery.recipes.values(), key=lambda recipe: (recipe.asset.group, recipe.asset.subset))
    return [_entry(recipe) for recipe in recipes]


def gallery_page(gallery: Gallery) -> str:
    """Return one page with the figures of all subsets, each with a link to its report where it has one."""
    entries = gallery_entries(gallery)
    head = ("subset", "", "in", "out", "kept", "published", "difference", "last run", "state")
    rows = [_row(entry) for entry in entries]
    run = [entry for entry in entries if entry.manifest is not None]
    about = f"{len(run)} of {len(entries)} subsets have a finished run."
    faults = [tag("li", str(error)) for error in gallery.broken.values()]
    broken = tag("section", tag("h2", "Recipes that do not load"), tag("ul", *faults)) if faults else Html("")
    header = tag("header", tag("h1", "Gallery"), tag("p", about, class_="about"))
    return whole_page("Gallery", header, tag("main", tag("section", table(head, rows, numbers_from=2)), broken))


def cards(entries: Sequence[GalleryEntry], link: Callable[[GalleryEntry], str]) -> Html:
    """Return a card for every subset, in a section for every group, those with a finished run first.

    `link` gives the address behind a finished run.
    """
    groups: dict[str, list[GalleryEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.manifest is None):
        groups.setdefault(entry.recipe.asset.group, []).append(entry)
    return joined(
        tag("section", tag("h2", group), tag("div", *(_card(entry, link) for entry in own), class_="subsets"))
        for group, own in groups.items()
    )


def _entry(recipe: GalleryRecipe) -> GalleryEntry:
    layout = home_layout(recipe.asset.subset)
    try:
        manifest = newest_run(layout)
        if manifest is None:
            return GalleryEntry(recipe, layout, None, NEVER_RUN, ())
        plan = make_plan(recipe)
        fresh = CURRENT if plan.refined_hash == manifest.refined_hash else CHANGED
        return GalleryEntry(recipe, layout, manifest, fresh, _warnings(recipe, layout, manifest))
    except DjError as error:
        return GalleryEntry(recipe, layout, None, NEVER_RUN, (str(error),))


def _warnings(recipe: GalleryRecipe, layout: Layout, manifest: RunManifest) -> tuple[str, ...]:
    """Return the checks that do not pass, then the notices of the run."""
    try:
        check_input = check_input_of(make_plan(recipe), layout, manifest, run_before(layout))
    except (DjError, OSError) as error:
        return (str(error),)
    results = [(check.name, check.judge(check_input)) for check in CHECKS]
    failed = [f"{name}: {result.because}" for name, result in results if not result.passed]
    return tuple([*failed, *manifest.notices][:_MOST_WARNINGS])


def _card(entry: GalleryEntry, link: Callable[[GalleryEntry], str]) -> Html:
    manifest = entry.manifest
    if manifest is None:
        never = tag("p", entry.freshness, class_="about")
        return tag("article", tag("h3", entry.name), never, _listed(entry.warnings), class_="subset empty")
    counts = f"{manifest.samples_out:,} of {manifest.samples:,} samples"
    state = "fresh" if entry.freshness == CURRENT else "stale"
    return tag(
        "article",
        tag("h3", tag("a", entry.name, href=link(entry))),
        Html(small_funnel((*manifest.loading, *manifest.funnel))),
        tag("p", tag("b", rate(manifest.retention)), f" kept, {counts}"),
        tag("p", _published(entry), class_="about"),
        tag("p", tag("span", entry.freshness, class_=f"mark {state}"), f", run {_day(manifest)}", class_="about"),
        _listed(entry.warnings),
        class_="subset",
    )


def _published(entry: GalleryEntry) -> str:
    reference = entry.recipe.reference
    return f"published: {rate(reference.published_retention)}" if reference else "nothing published"


def _listed(warnings: Sequence[str]) -> Html:
    if not warnings:
        return Html("")
    return tag("ul", *(tag("li", warning) for warning in warnings), class_="warnings")


def _row(entry: GalleryEntry) -> list[str]:
    manifest, reference = entry.manifest, entry.recipe.reference
    published = rate(reference.published_retention) if reference else ""
    name: Html = tag("b", entry.name)
    group = tag("small", entry.recipe.asset.group)
    if manifest is None:
        return [joined([name, group]), "", "", "", "", published, "", "", joined([entry.freshness, *entry.warnings])]
    if Path(entry.layout.report).exists():
        name = tag("a", name, href=entry.layout.report.as_uri())
    apart = f"{100 * (manifest.retention - reference.published_retention):+.2f} points" if reference else ""
    return [
        joined([name, group]),
        Html(small_funnel((*manifest.loading, *manifest.funnel))),
        f"{manifest.samples_in:,}",
        f"{manifest.samples_out:,}",
        percent(manifest.samples_out, manifest.samples, 2),
        published,
        apart,
        _day(manifest),
        joined([entry.freshness, _listed(entry.warnings)]),
    ]


def _day(manifest: RunManifest) -> str:
    return manifest.finished[:16].replace("T", " ")
