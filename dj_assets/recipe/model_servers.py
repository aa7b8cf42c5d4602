"""Ask the servers of language models that a recipe needs whether they answer."""

from __future__ import annotations

from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.recipe.plan import Plan

# A server that is there lists its models at once.
SECONDS = 5.0


def unanswered(plan: Plan, seconds: float = SECONDS) -> tuple[str, ...]:
    """Return a line for each server that does not answer within `seconds`, or does not have the model of a step.

    The line names the first such step. No text of a sample is sent.
    """
    lines: dict[str, str] = {}
    asked: set[tuple[object, ...]] = set()
    for step in plan.steps:
        operator = step.operator
        if not isinstance(operator, LanguageModelOperator):
            continue
        wanted = (operator.model, operator.sees, operator.model_params.get("base_url"))
        if wanted in asked:
            continue
        asked.add(wanted)
        problem = operator.server_problem(seconds)
        if problem:
            lines.setdefault(problem, plan.line_about(step, problem))
    return tuple(lines.values())
