"""Models, word lists, the reference set and the evaluation records of a subset, as assets.

They cannot be materialized. The steps of a subset report the version that they used: checksums of models and lists,
a digest of the checksums of reference files, and one of the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.call_metadata import call_metadata
from dj_assets.assets.labels import Metadata, dg_name
from dj_assets.errors import RecipeError
from dj_assets.evaluation.evaluation_records import history, records_folder
from dj_assets.home.run_manifest import RunManifest
from dj_assets.models import wordlists
from dj_assets.models.text.counting import CallCounts
from dj_assets.operators.kinds.listed_words import ListedWordsFilter
from dj_assets.recipe.gallery import reference_sources
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan, digest
from dj_assets.stores.generations import Generations
from dj_assets.subset import Subset

MODELS, WORD_LISTS = "models", "word_lists"


def tool_keys(recipe: GalleryRecipe, plan: Plan) -> list[dg.AssetKey]:
    """Return the keys of the models and word lists that measuring a subset uses; subsets share them."""
    models = [SubsetKeys.of(recipe).tool(MODELS, dg_name(model)) for model in _models(plan)]
    return [*models, *(SubsetKeys.of(recipe).tool(WORD_LISTS, _list_name(one)) for one in _lists(plan))]


def reference_key(recipe: GalleryRecipe) -> dg.AssetKey | None:
    """Return the key of the files that a subset is deduplicated against; None where there are none.

    A reference set that is another refined subset is that asset.
    """
    try:
        raw = any(source.paths for source in reference_sources(recipe))
    except RecipeError:
        return None
    return SubsetKeys.of(recipe).reference if raw else None


def lineage_specs(recipes: Sequence[tuple[GalleryRecipe, Plan]]) -> list[dg.AssetSpec]:
    """Return one asset for every model and word list, and those of each subset."""
    shared: dict[dg.AssetKey, dg.AssetSpec] = {}
    for recipe, plan in recipes:
        keys = SubsetKeys.of(recipe)
        for model in _models(plan):
            key = keys.tool(MODELS, dg_name(model))
            shared[key] = dg.AssetSpec(key, group_name=MODELS, kinds={"model"}, description=f"The model {model}.")
        for operator in _lists(plan):
            key, checksum = keys.tool(WORD_LISTS, _list_name(operator)), _list_checksum(operator)
            about = f"The {operator.list_kind.replace('_', ' ')} of {operator.list_source}, language {operator.lang}."
            metadata = {"words": len(operator.listed), "sha256": checksum}
            shared[key] = dg.AssetSpec(
                key, group_name=WORD_LISTS, kinds={"json"}, description=about, code_version=checksum, metadata=metadata
            )
    own = [spec for recipe, plan in recipes for spec in _specs_of(recipe, plan)]
    return [*shared.values(), *own]


def used_tools(recipe: GalleryRecipe, subset: Subset) -> Iterator[dg.AssetMaterialization]:
    """Yield the versions of the models and word lists that a subset was measured with."""
    keys = SubsetKeys.of(recipe)
    for model in subset.models:
        metadata: Metadata = {"sha256": model.sha256, "path": str(model.path)}
        yield _version(keys.tool(MODELS, dg_name(model.name)), model.sha256, metadata)
    for operator in _lists(subset.plan):
        yield _version(keys.tool(WORD_LISTS, _list_name(operator)), _list_checksum(operator), {})


def used_reference(recipe: GalleryRecipe, manifest: RunManifest) -> Iterator[dg.AssetMaterialization]:
    """Yield the version of the reference set of a published run."""
    key = reference_key(recipe)
    if key is not None and manifest.against is not None:
        version = digest([file.sha256 for file in manifest.reference])
        metadata: Metadata = {"samples": manifest.against.samples, "files": len(manifest.reference)}
        yield _version(key, version, metadata)


def known_evaluations(recipe: GalleryRecipe, subset: Subset) -> Iterator[dg.AssetMaterialization]:
    """Yield the version of the evaluation records of a subset, where there are any."""
    records = history(records_folder(subset.layout.published))
    if records:
        version = digest([[record.model, record.name, record.value, record.at] for record in records])
        yield _version(SubsetKeys.of(recipe).evaluations, version, {"records": len(records)})


def kept_calls(
    recipe: GalleryRecipe, subset: Subset, calls: Mapping[str, CallCounts]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the version of the calls of models that a subset keeps: a digest of their keys, with sums and examples.

    `calls` are those of each step when its samples were measured.
    """
    if not subset.plan.asks_models:
        return
    records = list(Generations(subset.layout.generations).records())
    metadata: Metadata = {**call_metadata(records, calls), "dagster/uri": subset.layout.generations}
    yield _version(SubsetKeys.of(recipe).generations, digest([key for key, _ in records]), metadata)


def _specs_of(recipe: GalleryRecipe, plan: Plan) -> Iterator[dg.AssetSpec]:
    keys, reference = SubsetKeys.of(recipe), reference_key(recipe)
    subset = keys.subset
    if plan.asks_models:
        about = (
            f"The calls of models that write or paint for {subset}, each with prompt and answer: the table "
            f"'generations' of stats.duckdb. 'dj-assets generations {subset}' lists them."
        )
        yield dg.AssetSpec(
            keys.generations, deps=[keys.source], group_name=keys.group, kinds={"json"}, description=about
        )
    if reference is not None:
        about = f"The files that {subset} is deduplicated against."
        yield dg.AssetSpec(reference, group_name=keys.group, kinds={"file"}, description=about)
    about = f"Benchmark results of models that were trained on {subset}; 'dj-assets eval add' enters them."
    yield dg.AssetSpec(keys.evaluations, deps=[keys.refined], group_name=keys.group, kinds={"json"}, description=about)


def _models(plan: Plan) -> Iterable[str]:
    return dict.fromkeys(name for step in plan.steps for name in step.operator.models())


def _lists(plan: Plan) -> list[ListedWordsFilter]:
    """Return one filter for every word list of a plan."""
    lists = [step.operator for step in plan.steps if isinstance(step.operator, ListedWordsFilter)]
    return list({_list_name(operator): operator for operator in lists}.values())


def _list_name(operator: ListedWordsFilter) -> str:
    return dg_name(f"{operator.list_kind}_{operator.list_source.rpartition('/')[2]}_{operator.lang}")


def _list_checksum(operator: ListedWordsFilter) -> str:
    return wordlists.checksum(operator.list_kind, operator.list_source, operator.lang)


def _version(key: dg.AssetKey, version: str, metadata: Metadata) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(key, metadata=metadata, tags={"dagster/data_version": version})
