"""The definition of a subset in the UI, before any run: description, links, reference figures, the recipe."""

from __future__ import annotations

import json
import warnings
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode

import dagster as dg
from dagster import MetadataValue

from dj_assets import settings
from dj_assets.assets.labels import Metadata, short_name
from dj_assets.assets.sandbox_metadata import benchmarks
from dj_assets.errors import RecipeError
from dj_assets.models.extras import installed
from dj_assets.operators.base import Deduplicator, FieldMapper, Filter, Mapper, Operator
from dj_assets.recipe.gallery import sources_of
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan

_VERBS: tuple[tuple[type[Operator], str], ...] = (
    (FieldMapper, "with fields written by"),
    (Mapper, "cleaned by"),
    (Filter, "filtered by"),
    (Deduplicator, "deduplicated by"),
)


def refined_description(recipe: GalleryRecipe, plan: Plan) -> str:
    """Return a description of the refined subset, of the operators of its recipe and of its source."""
    block = recipe.asset
    about = block.description or f"The subset {block.subset} of {block.group}."
    return f"{about}\n\n{_operators(plan)}\n\nSource: {_where(recipe)}{_missing(plan)}"


def _missing(plan: Plan) -> str:
    """Return a sentence about the packages that are not installed; empty where all are installed."""
    extras = dict.fromkeys(
        extra for step in plan.steps for package, extra in step.operator.packages.items() if not installed(package)
    )
    commands = ", ".join(f"`pip install 'dj_assets[{extra}]'`" for extra in extras)
    return f"\n\n**Cannot run yet**: packages are missing; {commands} installs them." if extras else ""


def stage_descriptions(recipe: GalleryRecipe, plan: Plan) -> dict[str, str]:
    """Return the descriptions of the stages before the refined subset."""
    subset = recipe.asset.subset
    signed = ", ".join(short_name(step.label) for step in plan.deduplicators)
    return {
        "source": f"The raw files of {subset}: {_where(recipe)}",
        "stats": (
            f"One row for every sample of {subset}, one column for every statistic of its {len(plan.filters)} filters, "
            "measured once and without thresholds. A new threshold measures nothing again."
        ),
        "duplicates": (
            f"The duplicates of {subset} that the recipe drops, each with the duplicate that is kept: {signed}."
            if signed
            else f"The recipe of {subset} has no deduplicator."
        ),
    }


def refined_metadata(recipe: GalleryRecipe, plan: Plan) -> Metadata:
    """Return the definition metadata: gallery links, the figures published by the gallery, the recipe and its path."""
    block = recipe.asset
    links = " · ".join(f"[{name}]({url})" for name, url in block.links.items())
    gallery = {"gallery": MetadataValue.md(links)} if links else {}
    explore = settings.explore_page(block.subset)
    return {
        **reference_metadata(recipe),
        **gallery,
        **(_explore(explore, plan) if explore else {}),
        **benchmarks(block.subset),
        **recipe_metadata(Path(recipe.file)),
    }


def _explore(page: str, plan: Plan) -> Metadata:
    """Return the pages of Explore and of the sliders, and a link to the samples that each operator drops."""
    links = [
        f"- [{short_name(step.label)}]({page}?{urlencode({'q': json.dumps({'operators': [step.label]})})})"
        for step in plan.steps
        if step.drops
    ]
    return {
        "explore": MetadataValue.url(page),
        "explore_dropped": MetadataValue.md("\n".join(links) or "no operator drops samples"),
        "what_if": MetadataValue.url(f"{page}sliders/"),
    }


def reference_metadata(recipe: GalleryRecipe) -> Metadata:
    """Return the gallery's row counts and both retention figures: the published one, and the one from its counts."""
    reference = recipe.asset.reference
    if reference is None:
        return {}
    return {
        "reference_rows_in": reference.rows_in,
        "reference_rows_out": reference.rows_out,
        "reference_retention": reference.published_retention,
        "reference_computed": round(reference.computed_retention, 4),
    }


def recipe_metadata(file: Path) -> Metadata:
    """Return the recipe as a YAML block, and a code reference that opens it in an editor."""
    text = file.read_text("utf-8", errors="replace").rstrip()
    return {"recipe": MetadataValue.md(f"```yaml\n{text}\n```"), "dagster/code_references": _code_reference(file)}


def _code_reference(file: Path) -> dg.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        # A beta class of Dagster; a warning for each of many recipes would hide all other messages.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=1, label="recipe")
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def _operators(plan: Plan) -> str:
    """Return a sentence with the operators in recipe order; neighbours of one kind share a verb."""
    phrases = [
        f"{verb} {_listed([short_name(step.label).replace('_', ' ') for step in steps])}"
        for verb, steps in groupby(plan.steps, lambda step: _verb(step.operator))
    ]
    sentence = "; ".join(phrases)
    return sentence[:1].upper() + sentence[1:] + "."


def _verb(operator: Operator) -> str:
    return next((verb for kind, verb in _VERBS if isinstance(operator, kind)), "processed by")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _where(recipe: GalleryRecipe) -> str:
    try:
        sources = sources_of(recipe)
    except RecipeError as error:
        return f"not configured ({error.problem})"
    paths = [f"`{path}`" for source in sources for path in source.paths]
    return ", ".join(paths + [f"the refined subset {source.subset}" for source in sources if source.subset])
