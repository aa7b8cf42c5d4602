"""The Dagster asset checks of a refined subset: they run after every materialization, or when a user starts them."""
# No postponed annotations here: Dagster reads those of `context`.

from collections.abc import Iterator
from typing import TypedDict

import dagster as dg

from dj_assets.analysis.run_checks import CHECKS, Check, CheckInput, CheckResult, check_input_of
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.failures import one_clear_line
from dj_assets.assets.stage_metadata import MAX_ROWS
from dj_assets.errors import UserError
from dj_assets.home.home import home_layout
from dj_assets.home.manifest import newest_run, run_before
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.recipe.plan import Plan


def refined_checks(recipe: GalleryRecipe, plan: Plan, *, blocking: bool = False) -> dg.AssetChecksDefinition:
    """Return all checks of one refined subset; each gives its result in a sentence.

    With `blocking`, a check that fails as an error stops the assets downstream of the subset in the same run.
    """
    keys = SubsetKeys.of(recipe)

    @dg.multi_asset_check(
        name=f"{keys.subset}_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=keys.refined, description=check.question, blocking=blocking)
            for check in CHECKS
        ],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        """Yield one result over the published run for each selected check."""
        with one_clear_line():
            check_input = gather(recipe, plan, _previous_retention(context.instance, keys.refined))
        selected = {key.name for key in context.selected_asset_check_keys}
        for check in (check for check in CHECKS if check.name in selected):
            yield dg.AssetCheckResult(asset_key=keys.refined, **_judged(check, check_input))

    return checks


def evaluate(recipe: GalleryRecipe, plan: Plan) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the check results as events: for a sharded subset, the run that published it evaluates the checks.

    Raises
    ------
    UserError
        If nothing is published.
    """
    keys = SubsetKeys.of(recipe)
    earlier = run_before(home_layout(keys.subset))
    check_input = gather(recipe, plan, earlier.retention if earlier else None)
    for check in CHECKS:
        yield dg.AssetCheckEvaluation(asset_key=keys.refined, **_judged(check, check_input))


def gather(recipe: GalleryRecipe, plan: Plan, previous: float | None) -> CheckInput:
    """Collect the input of the checks from the folder of a subset.

    Raises
    ------
    UserError
        If the folder has no published run.
    """
    block = recipe.asset
    layout = home_layout(block.subset)
    manifest = newest_run(layout)
    if manifest is None:
        raise UserError(f"{layout.location}: nothing is published there; materialize {recipe.name} first")
    return check_input_of(plan, layout, manifest, run_before(layout), previous)


class _Judged(TypedDict):
    check_name: str
    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: dict[str, dg.TableMetadataValue]


def _judged(check: Check, check_input: CheckInput) -> _Judged:
    """Return the result of a check with the fields of Dagster's results and events."""
    result = check.judge(check_input)
    return {
        "check_name": check.name,
        "passed": result.passed,
        "severity": dg.AssetCheckSeverity[check.severity],
        "description": result.because,
        "metadata": _figures(result),
    }


def _figures(result: CheckResult) -> dict[str, dg.TableMetadataValue]:
    if not result.table:
        return {}
    return {"figures": dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in result.table[:MAX_ROWS]])}


def _previous_retention(instance: dg.DagsterInstance, key: dg.AssetKey) -> float | None:
    """Return the retention of the materialization before the newest one."""
    records = instance.fetch_materializations(key, limit=2).records
    event = records[1].asset_materialization if len(records) > 1 else None
    value = event.metadata["retention"].value if event and "retention" in event.metadata else None
    return float(value) if isinstance(value, int | float) else None
