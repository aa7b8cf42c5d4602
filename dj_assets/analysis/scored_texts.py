"""The texts of a finished run with the scores that a filter of a language model gave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from dj_assets.analysis.model_calls import has_calls
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import require_measured, stored_manifest
from dj_assets.home.run_manifest import RunManifest
from dj_assets.operators.base import BoundedFilter, Filter, Mapper
from dj_assets.operators.conditions import Range
from dj_assets.operators.kinds.language_model import LanguageModelOperator
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.sql import Sql, quoted
from dj_assets.operators.text.llm_condition_filter import LlmConditionFilter
from dj_assets.publish.calls import TABLE
from dj_assets.publish.database import reading, require_database
from dj_assets.recipe.plan import Plan, Step
from dj_assets.subset.finished import plan_of_run


@dataclass(frozen=True)
class ScoredTexts:
    """Texts with their scores. `bounds` are those of the recipe.

    `without` counts the samples that have no score: no model was asked about them, or its call failed. `seconds` is the
    mean time of a call, None where no time is kept. `notices` say what the model saw other than these texts.
    """

    subset: str
    operator: str
    bounds: Range
    texts: Sequence[str]
    scores: Sequence[float]
    without: int
    seconds: float | None
    notices: tuple[str, ...] = ()


def scored_texts(layout: Layout, manifest: RunManifest, operator: str | None = None, most: int = 20_000) -> ScoredTexts:
    """Return the samples that a language model scored, at most `most`, spread evenly over the run.

    Parameters
    ----------
    layout, manifest
        A finished run, see `subset.finished.finished_run`.
    operator
        The label of the filter; not needed where the recipe has only one that asks a language model about texts.

    Raises
    ------
    UserError
        If the recipe has no such filter, several of them, or the measured files are gone.
    """
    plan = plan_of_run(manifest)
    step = _step(plan, manifest.name, operator)
    require_database(layout, manifest)
    score, bounds = _score(step)
    query = "SELECT shard, row, {score} AS score FROM stats ORDER BY shard, row"
    with reading(layout.database) as connection:
        found = Sql.of(query, score=score).execute(connection).fetchall()
        asked = f"SELECT avg(seconds) FROM {TABLE} WHERE operator = ? AND answer IS NOT NULL"  # noqa: S608
        taken = connection.execute(asked, [step.operator.name]).fetchone() if has_calls(connection) else None
    scored = [(shard, row, float(value)) for shard, row, value in found if value is not None]
    chosen = scored[:: -(-len(scored) // most)] if scored else []
    texts = _texts(layout, [(shard, row) for shard, row, _ in chosen])
    seconds = float(taken[0]) if taken and taken[0] else None
    values = [value for _, _, value in chosen]
    return ScoredTexts(
        manifest.name, step.label, bounds, texts, values, len(found) - len(scored), seconds, _notices(plan, step)
    )


def _step(plan: Plan, subset: str, label: str | None) -> Step:
    """Return the filter whose scores are learned."""
    steps = [step for step in plan.filters if _scores_texts(step)]
    known = ", ".join(step.label for step in steps)
    if label is not None:
        steps = [step for step in steps if step.label == label]
    if not known:
        raise UserError(f"{subset}: its recipe has no filter by the score of a language model for texts")
    if len(steps) != 1:
        raise UserError(f"{subset}: name one filter with --operator: {known}")
    (step,) = steps
    if step.operator.text_name != plan.recipe.text_key:
        raise UserError(
            f"{subset}: {step.label} judges the field {step.operator.text_name!r}; only filters of the text of the"
            f" recipe, {plan.recipe.text_key!r}, can be distilled"
        )
    return step


def _scores_texts(step: Step) -> bool:
    operator = step.operator
    return (
        isinstance(operator, BoundedFilter | LlmConditionFilter)
        and isinstance(operator, LanguageModelOperator)
        and not issubclass(type(operator), MediaOperator)
    )


def _score(step: Step) -> tuple[Sql, Range]:
    """Return SQL for the score of a sample, null where it has none, and the bounds by which scores are judged."""
    operator = step.operator
    key = operator.statistics[0].key if isinstance(operator, Filter) else ""
    column = quoted(step.columns[key])
    if isinstance(operator, BoundedFilter):
        # 0 stands for a call that failed
        return Sql(f"nullif({column}, 0)"), operator.range
    return Sql(f"CASE {column} WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END"), Range(key, 0.5)


def _texts(layout: Layout, positions: Sequence[tuple[int, int]]) -> list[str]:
    """Return the cleaned texts of samples in their order."""
    by_shard: dict[int, list[int]] = {}
    for shard, row in positions:
        by_shard.setdefault(shard, []).append(row)
    found: dict[tuple[int, int], str] = {}
    for shard, rows in by_shard.items():
        path = layout.fetched("cleaned", shard)
        if not path.exists():
            raise UserError(f"{layout.location}: the measured files are gone; run it again to distill its scores")
        file = stored_manifest(layout, shard)
        require_measured(layout, [file] if file else [], ("cleaned",))
        wanted = set(rows)
        table = pq.read_table(path, columns=["row", "text"], filters=[("row", "in", wanted)])
        for row, text in zip(table["row"].to_pylist(), table["text"].to_pylist(), strict=True):
            found[shard, row] = text or ""
    return [found.get(position, "") for position in positions]


def _notices(plan: Plan, step: Step) -> tuple[str, ...]:
    """Return what the language model saw other than the text that the classifier learns from."""
    later = [other.label for other in plan.steps if other.index > step.index and isinstance(other.operator, Mapper)]
    fields = [key for key in getattr(step.operator, "input_keys", ()) if key not in {"text", plan.recipe.text_key}]
    notices = []
    if later:
        notices.append(f"the classifier learns from texts that {', '.join(later)} changed after the model saw them")
    if fields:
        notices.append(f"the model saw the fields {', '.join(fields)}, too; the classifier reads the text alone")
    return tuple(notices)
