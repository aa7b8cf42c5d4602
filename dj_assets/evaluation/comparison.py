"""The comparison of a model's benchmarks with a baseline's: deltas with direction, wins, ties, losses."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dj_assets.evaluation.evaluation_records import EvaluationRecord, Origin
from dj_assets.evaluation.vbench import QUALITY, SEMANTIC, TOTALS, Totals, vbench_totals

Verdict = Literal["win", "tie", "loss"]
Standing = Literal["published", "this version", "an earlier version"]
_SHOWN_DIGITS = 9


@dataclass(frozen=True)
class Difference:
    """One benchmark of two models. `delta` is model minus baseline; `relative` is its share of the baseline.

    Values are means over the seeds. `relative` is None where the baseline is 0.
    """

    benchmark: str
    unit: str
    higher_is_better: bool
    baseline: float
    value: float

    @property
    def delta(self) -> float:
        """Return model minus baseline, whether higher or lower is better."""
        return round(self.value - self.baseline, _SHOWN_DIGITS)

    @property
    def relative(self) -> float | None:
        """Return the delta as a share of the baseline's absolute value."""
        return self.delta / abs(self.baseline) if self.baseline else None

    @property
    def verdict(self) -> Verdict:
        """Return whether the model wins, ties or loses."""
        if not self.delta:
            return "tie"
        return "win" if (self.delta > 0) == self.higher_is_better else "loss"


@dataclass(frozen=True)
class Comparison:
    """One model against the baseline: benchmarks that both have, and the totals computed from them.

    Totals are compared, but count as neither win nor loss, since they are computed from the others. `only` names
    benchmarks that one of the two lacks. There is no mean over benchmarks, since their units differ.
    """

    model: str
    baseline: str
    origin: Origin
    standing: Standing
    differences: tuple[Difference, ...]
    totals: tuple[Difference, ...]
    only: tuple[str, ...]

    def count(self, verdict: Verdict) -> int:
        """Return the number of benchmarks with a verdict."""
        return sum(difference.verdict == verdict for difference in self.differences)


def compare(
    records: Sequence[EvaluationRecord], baseline: str, refined_hash: str | None = None, pool: str | None = None
) -> list[Comparison]:
    """Compare every model with the baseline; a comparison never mixes published and measured numbers.

    Parameters
    ----------
    records
        The records of one subset, without superseded ones.
    baseline
        The name of a model. A measured model is compared with measured numbers of the baseline: of the same version
        where there are any, else of any version.
    refined_hash
        The current version of the subset: records of another one belong to an earlier version.
    pool
        Compare the models that were trained on this pool; by default, those trained on the whole subset.
    """
    chosen = [record for record in records if record.pool == pool]
    groups: dict[tuple[str, Origin, Standing], list[EvaluationRecord]] = {}
    for record in chosen:
        groups.setdefault((record.model, record.origin, standing(record, refined_hash)), []).append(record)
    compared: list[Comparison] = []
    for (model, origin, how), group in groups.items():
        base = groups.get((baseline, origin, how)) or _any_version(groups, baseline, origin)
        if model != baseline and base:
            compared.append(_compared((model, origin, how), baseline, group, base))
    return compared


def standing(record: EvaluationRecord, refined_hash: str | None) -> Standing:
    """Return whether a record is published, or of the current or an earlier version of the subset."""
    if record.origin == "published":
        return "published"
    return "this version" if record.refined_hash == refined_hash else "an earlier version"


def computed_totals(records: Sequence[EvaluationRecord]) -> Totals | None:
    """Return VBench's totals of one model's records, None where they have none of its dimensions."""
    scores = {name: value for name, value in _means(records).items() if name in (*QUALITY, *SEMANTIC)}
    return vbench_totals(scores) if scores else None


def _any_version(
    groups: Mapping[tuple[str, Origin, Standing], list[EvaluationRecord]], baseline: str, origin: Origin
) -> list[EvaluationRecord]:
    return next((group for (model, of, _), group in groups.items() if (model, of) == (baseline, origin)), [])


def _compared(
    of: tuple[str, Origin, Standing],
    baseline: str,
    records: Sequence[EvaluationRecord],
    base: Sequence[EvaluationRecord],
) -> Comparison:
    model, origin, how = of
    values, theirs = _means(records), _means(base)
    about = {record.name: record for record in records}
    differences = {
        name: Difference(name, about[name].unit, about[name].higher_is_better, theirs[name], value)
        for name, value in values.items()
        if name in theirs
    }
    return Comparison(
        model=model,
        baseline=baseline,
        origin=origin,
        standing=how,
        differences=tuple(difference for name, difference in differences.items() if name not in TOTALS),
        totals=tuple(difference for name, difference in differences.items() if name in TOTALS),
        only=tuple(sorted(set(values) ^ set(theirs))),
    )


def _means(records: Sequence[EvaluationRecord]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for record in records:
        values.setdefault(record.name, []).append(record.value)
    return {name: statistics.fmean(numbers) for name, numbers in values.items()}
