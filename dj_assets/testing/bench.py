"""Run one operator over small batches, through the same row stage as a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import numpy as np
import pyarrow as pa

from dj_assets.errors import ContractError, SampleError
from dj_assets.home.identity import FROM_SOURCE
from dj_assets.measure.lineage import Lineage
from dj_assets.measure.row_stage import Measured, RowStage
from dj_assets.models.store import ModelStore
from dj_assets.operators import contract
from dj_assets.operators.base import Aggregator, CorpusMapper, Deduplicator, Expander, FieldMapper, Measuring, Operator
from dj_assets.operators.batch import FIELDS, TEXT, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.group_members import alone
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.recipe.custom_operators import CUSTOM_MODULE
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, make_plan

# A sample with this text fails in `Bench.failing`.
FAILS = "this sample fails"
ERROR = "error"
Values = dict[str, list[Any]]


@dataclass(frozen=True)
class Bench:
    """Run `operator` over texts. `prepare` completes each batch, for example with the location of its media."""

    operator: Operator
    models: ModelStore = field(default_factory=ModelStore)
    prepare: Callable[[Batch], Batch] = lambda batch: batch

    @property
    def method(self) -> str:
        """Return the name of the method that gives the results."""
        methods: dict[type[Operator], str] = {
            Measuring: "measure",
            FieldMapper: "extract",
            Deduplicator: "sign",
            Expander: "expand",
            Aggregator: "aggregate",
        }
        return next((name for kind, name in methods.items() if isinstance(self.operator, kind)), "apply")

    def breach(self, problem: str, fix: str, method: str = "") -> ContractError:
        """Return the error for a breach, with file, line, class and method."""
        return ContractError(f"{contract.location(type(self.operator), method or self.method)} {problem}; {fix}")

    def batch(self, texts: Sequence[str | None]) -> Batch:
        """Return a batch with the columns `text`, `id` and `row`; an operator that writes fields finds none.

        An aggregator finds each text as the only member of a group.
        """
        rows = pa.RecordBatch.from_arrays(
            [pa.array(texts, pa.string()), pa.array(map(str, range(len(texts)))), pa.array(range(len(texts)))],
            schema=pa.schema([("text", pa.string()), ("id", pa.string()), ("row", pa.int64())]),
        )
        if isinstance(self.operator, FieldMapper):
            rows = rows.append_column(FIELDS, pa.array(["{}"] * len(texts), pa.string()))
        if isinstance(self.operator, Aggregator):
            empty = pa.array([""] * len(texts), pa.string())
            rows = rows.set_column(0, TEXT, empty).append_column(FIELDS, alone(texts))
        return self.prepare(Batch(rows, self.models))

    def values(self, batch: Batch) -> Values:
        """Return the results of a batch by column: text, statistics, signatures, fields, the error of a failing sample.

        Of an expander, the column `children` has the texts of the children of every sample.
        The keys that a corpus mapper counts are among the signatures; its text is rewritten with every key frequent.
        """
        stage = self._run(batch, {})
        values = _columns(stage)
        if isinstance(self.operator, FieldMapper):
            written = Batch(pa.RecordBatch.from_arrays([stage.text, stage.fields], names=[TEXT, FIELDS]))
            values |= {name: field_values(written, name) for name in self.operator.fields}
        if isinstance(self.operator, CorpusMapper):
            (keys,) = stage.signatures.values()
            frequent = np.unique(np.asarray(keys.flatten()))
            values["text"] = _columns(self._run(batch, {self._label: frequent}))["text"]
        return values

    def with_operator(self, operator: Operator) -> Bench:
        """Return a bench for another operator."""
        return replace(self, operator=operator)

    def failing(self) -> Bench:
        """Return a bench whose operator raises `SampleError` for batches that contain the text `FAILS`."""
        cls = type(self.operator)
        names = ("apply", "rewrite", "measure", "sign", "count", "expand", "extract", "aggregate")
        methods = {name: _refusing(method) for name in names if (method := getattr(cls, name, None))}
        subclass: Any = type(cls.__name__, (cls,), {**methods, "__module__": cls.__module__})
        made = subclass.model_construct(**{name: getattr(self.operator, name) for name in cls.model_fields})
        return self.with_operator(made)

    @property
    def _label(self) -> str:
        return make_plan(Recipe("<check>", (self.operator,))).steps[0].label

    def _run(self, batch: Batch, frequent: dict[str, np.ndarray]) -> Measured:
        return RowStage(batch, frequent).run(make_plan(Recipe("<check>", (self.operator,))))


def try_custom_operators(plan: Plan, models: ModelStore) -> None:
    """Run the operators of a recipe's own Python files over two samples, those without media and models.

    Raises
    ------
    ContractError
        At the first breach.
    """
    for step in plan.steps:
        operator = step.operator
        custom = type(operator).__module__.startswith(CUSTOM_MODULE)
        if custom and not isinstance(operator, MediaOperator) and not operator.models():
            bench = Bench(operator, models)
            bench.values(bench.batch(["One short text.", "Another one, 2."]))


def same(a: object, b: object) -> bool:
    """Tell whether two values are equal, numbers up to their last digits; NaN equals NaN."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-6)
    return a == b


def _refusing(method: Callable[..., object]) -> Callable[..., object]:
    @wraps(method)
    def refuse(operator: Operator, batch: Batch | pa.ListArray, *more: object, **named: object) -> object:
        texts = batch.text if isinstance(batch, Batch) else batch.flatten()
        if FAILS in texts.to_pylist():
            raise SampleError(FAILS)
        return method(operator, batch, *more, **named)

    return refuse


def _columns(measured: Measured) -> Values:
    if measured.lineage is not None:
        return _children(measured, measured.lineage)
    errors: list[str | None] = [None] * len(measured.text)
    for failure in measured.failures:
        errors[failure.index] = failure.error
    columns = {**measured.statistics, **measured.signatures, "text": measured.text}
    return {**{name: column.to_pylist() for name, column in columns.items()}, ERROR: errors}


def _children(measured: Measured, lineage: Lineage) -> Values:
    errors: list[str | None] = [None] * int(np.count_nonzero(lineage.created_at == FROM_SOURCE))
    children: list[list[str]] = [[] for _ in errors]
    for failure in measured.failures:
        errors[lineage.origin[failure.index]] = failure.error
    made = zip(lineage.origin.tolist(), lineage.created_at.tolist(), measured.text.to_pylist(), strict=True)
    for origin, created_at, text in made:
        if created_at != FROM_SOURCE:
            children[origin].append(text)
    return {"children": children, ERROR: errors}
