"""Compare the judgements of two language models about the same samples."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from dj_assets.analysis.model_calls import has_calls
from dj_assets.evaluation.agreement import Agreement
from dj_assets.models.text.prices import plain_name
from dj_assets.operators.kinds.audited import AuditedFilter
from dj_assets.publish.calls import TABLE
from dj_assets.recipe.plan import Plan


@dataclass(frozen=True)
class FilterAgreement(Agreement):
    """The samples of a filter that both models judged: kept by both, by one of them, or by none."""

    step: str
    model: str
    audit_model: str


def agreements(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[FilterAgreement]:
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
) -> FilterAgreement:
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
    pairs = ((first[key], second[key]) for key in second if key in first)
    return FilterAgreement.of(pairs, step=label, model=model, audit_model=audit_model)
