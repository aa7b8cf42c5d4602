"""The sandbox of a subset as assets: pools, evaluations (one partition per pool and seed), ranking, combined, recipe.

Iterations are runs: combining adds partitions to the same evaluations, and the next ranking shows both rounds.
"""
# No postponed annotations here: Dagster reads those of `context`.

import warnings
from collections.abc import Iterable

import dagster as dg

from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.failures import one_clear_line
from dj_assets.assets.sandbox_metadata import chosen, evaluated, ranked, recipe_found, round_made
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.sandbox.discovery import chosen_thirds, standings, write_best
from dj_assets.sandbox.evaluations import evaluate
from dj_assets.sandbox.experiment import Sandbox
from dj_assets.views.page.sandbox import write_sandbox_page

# No name of a pool contains this.
_BETWEEN = "@"


def sandbox_assets(recipe: GalleryRecipe) -> list[dg.AssetsDefinition]:
    """Return the five assets of a recipe with a `sandbox:` block; no assets without this block."""
    if recipe.asset.sandbox is None:
        return []
    with warnings.catch_warnings():
        # backfill policies are beta in Dagster; a warning for each sandbox would give no new information
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [_pools(recipe), _evaluations(recipe), _ranking(recipe), _combined(recipe), _recipe(recipe)]


def partition_key(pool: str, seed: int) -> str:
    """Return the partition of one training."""
    return f"{pool}{_BETWEEN}{seed}"


def evaluation_partitions(recipe: GalleryRecipe) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a sandbox's evaluations: one for each pool of its rounds and each seed."""
    return dg.DynamicPartitionsDefinition(name=f"{SubsetKeys.of(recipe).subset}_evaluations")


def _pools(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.sandbox("pools"),
        deps=[keys.refined],
        group_name=keys.group,
        kinds={"duckdb"},
        tags={"dj/subset": keys.subset},
        description=f"Thirds of {keys.subset} by every statistic, and a random pool: queries, no copies.",
    )
    def pools(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Cut the subset and add a partition for every training."""
        with one_clear_line():
            sandbox = Sandbox.of_asset(recipe)
            made = sandbox.probe()
        _offer(context.instance, recipe, sandbox)
        return dg.MaterializeResult(metadata=round_made(made), data_version=dg.DataVersion(made.data_version))

    return pools


def _evaluations(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.sandbox("evaluations"),
        deps=[keys.sandbox("pools")],
        partitions_def=evaluation_partitions(recipe),
        # one run per training: a failed one can be run again alone
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        group_name=keys.group,
        tags={"dj/subset": keys.subset},
        description=f"The hook of {keys.subset} run on a pool with a seed; a finished run is not repeated.",
    )
    def evaluations(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Train on one pool with one seed, unless this is finished."""
        pool, _, seed = context.partition_key.rpartition(_BETWEEN)
        with one_clear_line():
            made = evaluate(Sandbox.of_asset(recipe), pool, int(seed))
        if made.status == "failed":
            raise dg.Failure(description=f"{pool} seed {seed}: {made.why}", allow_retries=False)
        context.log.info(f"{pool} seed {seed}: {'finished before' if made.reused else f'{made.seconds:.1f} s'}")
        return dg.MaterializeResult(metadata=evaluated(made), data_version=dg.DataVersion(made.key))

    return evaluations


def _ranking(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.sandbox("ranking"),
        deps=[keys.sandbox("evaluations")],
        group_name=keys.group,
        tags={"dj/subset": keys.subset},
        description=f"Pools of {keys.subset} against random ones: mean and deviation over seeds, correlations.",
    )
    def ranking(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Rank the evaluations so far, and name the missing ones."""
        with one_clear_line():
            sandbox = Sandbox.of_asset(recipe)
            known = standings(sandbox)
        page = write_sandbox_page(sandbox, known)
        for pool, missing in known.missing.items():
            context.log.warning(f"{pool}: no result of seeds {', '.join(map(str, missing))}")
        return dg.MaterializeResult(metadata=ranked(known, keys.subset, page))

    return ranking


def _combined(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.sandbox("combined"),
        deps=[keys.sandbox("ranking")],
        group_name=keys.group,
        kinds={"duckdb"},
        tags={"dj/subset": keys.subset},
        description=f"The best thirds of {keys.subset} combined: every intersection is a pool to evaluate.",
    )
    def combined(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Combine the best thirds and add their trainings as partitions of the evaluations."""
        with one_clear_line():
            sandbox = Sandbox.of_asset(recipe)
            thirds = chosen_thirds(sandbox, standings(sandbox))
            made = sandbox.combine(thirds)
            known = standings(sandbox)
        added = _offer(context.instance, recipe, sandbox)
        context.log.info(f"{added} partitions to materialize in {keys.sandbox('evaluations').to_user_string()}")
        metadata = {**chosen(thirds), **round_made(made), **recipe_found(known, keys.subset)}
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(made.data_version))

    return combined


def _recipe(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    keys = SubsetKeys.of(recipe)

    @dg.asset(
        key=keys.sandbox("recipe"),
        deps=[keys.sandbox("combined"), keys.sandbox("ranking")],
        group_name=keys.group,
        kinds={"yaml"},
        tags={"dj/subset": keys.subset},
        description=f"The recipe of the best pool of {keys.subset}: a copy of it in a recipe folder is an asset.",
    )
    def found() -> dg.MaterializeResult[None]:
        """Write the recipe of the best pool."""
        with one_clear_line():
            sandbox = Sandbox.of_asset(recipe)
            known = standings(sandbox)
            best, path = write_best(sandbox, known)
        metadata = recipe_found(known, keys.subset, sandbox.entry(best), path)
        return dg.MaterializeResult(metadata=metadata)

    return found


def _offer(instance: dg.DagsterInstance, recipe: GalleryRecipe, sandbox: Sandbox) -> int:
    """Add a partition for every training of the current rounds and remove all others; return the number of new ones."""
    name = str(evaluation_partitions(recipe).name)
    offered = set(instance.get_dynamic_partitions(name))
    wanted = list(_wanted(sandbox))
    for gone in offered - set(wanted):
        instance.delete_dynamic_partition(name, gone)
    new = [key for key in wanted if key not in offered]
    instance.add_dynamic_partitions(name, new)
    return len(new)


def _wanted(sandbox: Sandbox) -> Iterable[str]:
    for round_ in sandbox.rounds():
        for entry in round_.entries:
            for seed in sandbox.hook.seeds:
                yield partition_key(entry.pool.name, seed)
