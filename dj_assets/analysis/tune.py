"""Thresholds proposed from the statistics of a finished run, and the samples that they would keep."""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.analysis.columns import StatColumn, stat_columns
from dj_assets.analysis.tune_bounds import SIDES, before_a_count, end_of, is_share, is_whole
from dj_assets.analysis.tune_rule import SIGMAS, Rule, Side, ThreeSigma
from dj_assets.analysis.tune_values import BoundShares, Values, bound_shares, measured_values
from dj_assets.operators.conditions import Range
from dj_assets.publish.database import reading
from dj_assets.recipe.edit import Value
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Step, make_plan
from dj_assets.subset.measured_run import Kept, MeasuredRun

# With fewer values than this a standard deviation or a quantile has no meaning.
FEWEST_VALUES = 30
_DIGITS = 4


@dataclass(frozen=True)
class TunedBound:
    """One threshold of a filter. None means no bound; `proposed` equals `current` where nothing is proposed.

    `note` says why nothing is proposed, or how the proposal was changed; `now` and `then` are the percentiles and
    losses of the current and the proposed value on this data.
    """

    operator: str
    index: int
    parameter: str
    statistic: str
    current: float | None
    proposed: float | None
    note: str
    now: BoundShares
    then: BoundShares


@dataclass(frozen=True)
class Tuning:
    """The proposal for a recipe: its bounds, the changed recipe, and how many of `samples_in` samples both keep.

    `left_out` names the filters that were not examined, each with the reason.
    """

    rule: Rule
    recipe: Recipe
    changed: Recipe
    bounds: tuple[TunedBound, ...]
    left_out: tuple[str, ...]
    samples_in: int
    now: Kept
    then: Kept

    @property
    def changes(self) -> dict[int, dict[str, Value]]:
        """Return the new values of parameters by the index of their operator; unchanged ones are left out."""
        changes: dict[int, dict[str, Value]] = {}
        for bound in self.bounds:
            if bound.proposed is not None and bound.proposed != bound.current:
                changes.setdefault(bound.index, {})[bound.parameter] = bound.proposed
        return changes


def tune(recipe: Recipe, folder: Path, rule: Rule, threads: int = 1) -> Tuning:
    """Propose thresholds for every range filter of a recipe.

    It proposes values for the bounds that the recipe sets; for a filter without any, for the defaults that can drop a
    sample. The statistics are those of all samples that the run in `folder` measured, whether kept or not. Values are
    rounded outwards to four digits, so that a bound never drops more than the rule says, and cut to the possible
    values: a statistic without negative values has no negative bound, and a share has none above 1. With four million
    samples or more, quantiles are estimated from a fixed selection of two to three million.

    Raises
    ------
    UserError
        If the folder holds no finished run, or a run that measured something else.
    """
    plan = make_plan(recipe)
    run = MeasuredRun.open(folder, plan, threads)
    counted = before_a_count(plan)
    free = [column for column in stat_columns(plan) if column.operator not in counted]
    columns = [column for column in free if column.bounds and not column.bounds.reversed]
    steps = {step.label: step for step in plan.filters}
    with reading(run.layout.database) as connection:
        wanted = [_quantiles(column, steps[column.operator], rule) for column in columns]
        values = measured_values(connection, columns, wanted)
        drafts = [
            draft
            for column, column_values in zip(columns, values, strict=True)
            for draft in _drafts(column, steps[column.operator], column_values, rule)
        ]
        now = bound_shares(connection, [(d.column, d.range, d.side) for d in drafts])
        then = bound_shares(connection, [(d.column, d.proposed_range, d.side) for d in drafts])
    bounds = tuple(draft.bound(*shares) for draft, *shares in zip(drafts, now, then, strict=True))
    left_out = (*counted.values(), *_left_out(free))
    tuning = Tuning(rule, recipe, recipe, bounds, left_out, run.samples_in, *[run.kept(plan)] * 2)
    changed = with_parameters(recipe, tuning.changes)
    return replace(tuning, changed=changed, then=run.kept(make_plan(changed)))


@dataclass(frozen=True)
class _Draft:
    """A bound whose proposal is known, but whose effect is not measured yet."""

    column: StatColumn
    step: Step
    side: Side
    range: Range
    parameter: str
    proposed: float | None
    note: str

    @property
    def current(self) -> float | None:
        return end_of(self.range, self.side)

    @property
    def proposed_range(self) -> Range:
        return replace(self.range, low=self.proposed) if self.side == "low" else replace(self.range, high=self.proposed)

    def bound(self, now: BoundShares, then: BoundShares) -> TunedBound:
        """Return the bound with its proposal, and the samples that it drops `now` and `then`."""
        return TunedBound(
            operator=self.step.label,
            index=self.step.index,
            parameter=self.parameter,
            statistic=self.column.name,
            current=self.current,
            proposed=self.proposed,
            note=self.note,
            now=now,
            then=then,
        )


def _drafts(column: StatColumn, step: Step, values: Values, rule: Rule) -> Iterator[_Draft]:
    both = column.bounds
    assert both is not None, "columns without bounds are left out"  # noqa: S101
    proposals = iter(values.quantiles)
    for side, parameter in _tunable(column, step):
        quantile = None if isinstance(rule, ThreeSigma) else next(proposals, None)
        whole = is_whole(step.operator, parameter)
        proposed, note = _proposal(column, values, side, quantile, whole=whole)
        if parameter not in step.operator.model_fields_set:
            note = ", ".join(part for part in ("a default", note) if part)
        yield _Draft(column, step, side, both, parameter, end_of(both, side) if proposed is None else proposed, note)


def _proposal(
    column: StatColumn, values: Values, side: Side, quantile: float | None, *, whole: bool
) -> tuple[float | None, str]:
    """Return a proposal, None where there is none, and a note about it."""
    if values.finite < FEWEST_VALUES:
        return None, f"only {values.finite} values" if values.finite else "no values"
    if values.low is None or values.low == values.high:
        return None, f"constant: every value is {values.low:g}"
    wanted = _three_sigma(values, side) if quantile is None else quantile
    rounded = _outwards(wanted, side, whole=whole)
    nearest = _limited(rounded, side, column, values)
    strange = values.values - values.finite
    notes = [f"{strange:,} values are no numbers"] if strange else []
    if nearest != rounded:
        notes.append(f"{rounded:g} cut to {nearest:g}")
    return nearest, ", ".join(notes)


def _three_sigma(values: Values, side: Side) -> float:
    mean, deviation = values.mean or 0.0, values.deviation or 0.0
    return mean - SIGMAS * deviation if side == "low" else mean + SIGMAS * deviation


def _outwards(value: float, side: Side, *, whole: bool) -> float:
    """Round a lower bound down and an upper one up, to four digits or, for a whole parameter, to a whole number."""
    if whole:
        return math.floor(value) if side == "low" else math.ceil(value)
    exact = decimal.Decimal(repr(value))
    last = decimal.Decimal((0, (1,), exact.adjusted() - _DIGITS + 1))
    direction = decimal.ROUND_FLOOR if side == "low" else decimal.ROUND_CEILING
    return float(exact.quantize(last, direction)) if value else 0.0


def _limited(value: float, side: Side, column: StatColumn, values: Values) -> float:
    floor, ceiling = _limits(column, values)
    return type(value)(max(value, floor)) if side == "low" else type(value)(min(value, ceiling))


def _limits(column: StatColumn, values: Values) -> tuple[float, float]:
    """Return the least and greatest possible value: from 0 where no value is negative, up to 1 for shares."""
    floor = -math.inf if values.low is not None and values.low < 0 else 0.0
    share = is_share(column) and values.high is not None and values.high <= 1
    return floor, 1.0 if share else math.inf


def _tunable(column: StatColumn, step: Step) -> list[tuple[Side, str]]:
    """Return the sides to tune, with their parameters: those that the recipe sets, else defaults that drop samples."""
    both = column.bounds
    names = zip(SIDES, (both.low_name, both.high_name) if both else (), strict=False)
    sides = [(side, name) for side, name in names if name in type(step.operator).model_fields]
    given = [(side, name) for side, name in sides if name in step.operator.model_fields_set]
    return given or [(side, name) for side, name in sides if both and _binds(end_of(both, side), side, column)]


def _binds(value: float | None, side: Side, column: StatColumn) -> bool:
    """Return whether a default can drop a sample: 0 at the lower end and 1 at the upper end of a share cannot."""
    return value is not None and (value > 0 if side == "low" else not (is_share(column) and value >= 1))


def _quantiles(column: StatColumn, step: Step, rule: Rule) -> list[float]:
    """Return the quantiles that a rule needs of a column, one for each side to propose a bound for."""
    sides = _tunable(column, step)
    wanted = [rule.quantile(side, two_sided=len(sides) == 2) for side, _ in sides]
    return [share for share in wanted if share is not None]


def _left_out(columns: Sequence[StatColumn]) -> tuple[str, ...]:
    """Name the filters without a range to tune."""
    ranged = {column.operator for column in columns if column.bounds}
    reversed_ = [column.operator for column in columns if column.bounds and column.bounds.reversed]
    others = [column.operator for column in columns if column.operator not in ranged]
    return tuple(
        [f"{label}: keeps values outside of its range" for label in dict.fromkeys(reversed_)]
        + [f"{label}: has no range" for label in dict.fromkeys(others)]
    )
