"""Compare the judgements of two language models about the same samples."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from dj_assets.analysis.model_calls import has_calls
from dj_assets.models.text.prices import plain_name
from dj_assets.operators.kinds.audited import AuditedFilter
from dj_assets.publish.calls import TABLE
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class Agreement:
    """The samples of a filter that both models judged: kept by both, by one of them, or by none.

    Examples
    --------
    >>> agreement = Agreement("llm_quality_score_filter", "a", "b", both=45, first=15, second=15, none=25)
    >>> agreement.samples, agreement.share, round(agreement.kappa, 3)
    (100, 0.7, 0.375)
    >>> Agreement("llm_quality_score_filter", "a", "b", both=9).kappa is None
    True
    """

    step: str
    model: str
    audit_model: str
    both: int = 0
    first: int = 0
    second: int = 0
    none: int = 0

    @property
    def samples(self) -> int:
        """Return the number of samples."""
        return self.both + self.first + self.second + self.none

    @property
    def share(self) -> float:
        """Return the share of samples with the same judgement."""
        return (self.both + self.none) / self.samples if self.samples else 0.0

    @property
    def kappa(self) -> float | None:
        """Return Cohen's kappa, which is 0 for the agreement of chance and 1 for full agreement.

        It is None if both models gave one and the same judgement to all samples.
        """
        total = self.samples
        keeps = (self.both + self.first) * (self.both + self.second)
        drops = (self.second + self.none) * (self.first + self.none)
        by_chance = (keeps + drops) / total**2 if total else 1.0
        return None if by_chance == 1 else (self.share - by_chance) / (1 - by_chance)


def agreements(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[Agreement]:
    """Return the agreement of every filter with a second model, in recipe order, by the table `generations`.

    The bounds of the recipe turn scores into judgements, so that a moved bound has its own agreement.
    """
    if not has_calls(connection):
        return []
    return [
        _agreement(connection, step.label, step.operator, step.operator.audit_model)
        for step in plan.steps
        if isinstance(step.operator, AuditedFilter) and step.operator.audit_model
    ]


def _agreement(
    connection: duckdb.DuckDBPyConnection, label: str, operator: AuditedFilter, audit_model: str
) -> Agreement:
    asked = f"""
        SELECT coalesce(system, '') AS system, prompt, model, answer FROM {TABLE}
        WHERE operator = ? AND prompt_version = ? AND sampling = ? AND answer IS NOT NULL ORDER BY attempt
    """  # noqa: S608 - a constant
    version, sampling = str(operator.prompt_version), json.dumps(operator.sampling(), ensure_ascii=False)
    rows = connection.execute(asked, [operator.name, version, sampling]).fetchall()
    audited = {(system, prompt) for system, prompt, model, _ in rows if plain_name(model) == audit_model}
    found: dict[str, dict[tuple[str, str], bool]] = {}
    for system, prompt, model, answer in rows:
        judged = found.setdefault(plain_name(model), {})
        # the first answer of the form counts, as in the run
        if (system, prompt) in audited and (system, prompt) not in judged:
            try:
                judged[system, prompt] = operator.judged(answer)
            except ValueError:
                continue
    second = found.pop(audit_model, {})
    model = operator.model or next(iter(found), "")
    first = found.get(model, second if model == audit_model else {})
    pairs = [(first[key], second[key]) for key in second if key in first]
    counts = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False)))
    return Agreement(label, model, audit_model, *counts)
