"""Check an operator on small batches: the contract test for authors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from dj_assets.errors import ContractError
from dj_assets.models.store import ModelStore
from dj_assets.operators import contract
from dj_assets.operators.base import Deduplicator, FieldMapper, Filter, Grouper, Measuring, Operator, Selector
from dj_assets.operators.batch import Batch
from dj_assets.operators.sql import Sql, joined
from dj_assets.replay.selecting import comparable
from dj_assets.testing.bench import ERROR, FAILS, Bench, Values, same
from dj_assets.testing.texts import TEXTS

_ORDINARY = ("one short text", "12 numbers, 345", "and a third one!")


def check_operator(
    operator: type[Operator] | Operator,
    *,
    models: ModelStore | None = None,
    prepare: Callable[[Batch], Batch] | None = None,
) -> None:
    """Check that an operator keeps its contract, on small batches.

    The batches are empty, of unusual texts, with a failing sample, with a null text, in parts and in reverse order.

    Parameters
    ----------
    operator
        A class, which is checked with its default parameters, or an operator.
    models
        The folders searched for models; default: those of a run.
    prepare
        Completes each batch, for example with the location of its media.

    Raises
    ------
    ContractError
        At the first breach, with file, line, class and the fix.
    """
    bench = Bench(_made(operator), models or ModelStore(), prepare or (lambda batch: batch))
    for check in CHECKS:
        check(bench)


def declaration(bench: Bench) -> None:
    """Check the class: methods, statistics, bounds, parameters, condition."""
    contract.check_class(type(bench.operator))
    contract.check_operator(bench.operator)


def empty_batch(bench: Bench) -> None:
    """Check that an operator loads everything it needs with an empty batch, and returns nothing for it."""
    batch = bench.batch([])
    bench.values(batch)
    bench.operator.warm_up(batch)


def declared_keys(bench: Bench) -> None:
    """Check that an operator returns no statistic and no field that it does not declare."""
    operator = bench.operator
    if isinstance(operator, Measuring):
        keys, where = {statistic.key for statistic in operator.statistics}, "statistics"
        extra = sorted(set(operator.measure(bench.batch([]))) - keys)
    elif isinstance(operator, FieldMapper):
        extra, where = sorted(set(operator.extract(bench.batch([]))) - set(operator.fields)), "fields"
    else:
        return
    if extra:
        raise bench.breach(f"returned {extra[0]!r}, which {where!r} does not declare", "declare it, or leave it")


def unusual_texts(bench: Bench) -> None:
    """Check lengths, types and nulls of the results for unusual texts; some samples may fail, but not all."""
    errors = bench.values(bench.batch(TEXTS))[ERROR]
    if all(errors):
        raise bench.breach(f"raised an exception for every sample, first {errors[0]}", "correct the method")


def parts_of_a_batch(bench: Bench) -> None:
    """Check that the result of a sample does not depend on the other samples of its batch, nor on their order."""
    batch = bench.batch(TEXTS)
    whole = bench.values(batch)
    rows = list(range(len(TEXTS)))
    for picked in (*([row] for row in rows), rows[5:9]):
        _compare(bench, whole, picked, bench.values(batch.slice(picked[0], len(picked))), "in a smaller batch")
    _compare(bench, whole, rows[::-1], bench.values(bench.batch(TEXTS[::-1])), "in another order")


def failing_sample(bench: Bench) -> None:
    """Check that the values of the others stay at their samples if one sample fails."""
    first, second, third = _ORDINARY
    whole = bench.values(bench.batch(_ORDINARY))
    measured = bench.failing().values(bench.batch([first, FAILS, second, third]))
    others = {name: [values[row] for row in (0, 2, 3)] for name, values in measured.items()}
    _compare(bench, whole, [0, 1, 2], others, "after another sample failed")


def null_text(bench: Bench) -> None:
    """Check that a null text, which no run contains, is refused or changes no other value."""
    texts = (*_ORDINARY[:2], None, _ORDINARY[2])
    whole = bench.values(bench.batch(_ORDINARY))
    try:
        measured = bench.values(bench.batch(texts))
    except ContractError:
        return
    others = {name: [values[row] for row in (0, 1, 3)] for name, values in measured.items()}
    _compare(bench, whole, [0, 1, 2], others, "next to a null text")


def thresholds(bench: Bench) -> None:
    """Check that no judging parameter changes what is measured: a new threshold must not measure again."""
    operator = bench.operator
    batch = bench.batch(TEXTS)
    whole = bench.values(batch)
    for name in sorted(operator.judging & set(type(operator).model_fields)):
        changed = operator.model_copy(update={name: _other(getattr(operator, name))})
        values = bench.with_operator(changed).values(bench.batch(TEXTS))
        if not all(same(whole[column], values[column]) for column in whole):
            fix = "leave it out of the method, or out of 'judging'"
            raise bench.breach(f"uses the judging parameter {name!r}", fix)


def condition(bench: Bench) -> None:
    """Check that the SQL of a condition runs, and that neither null nor NaN is kept."""
    operator = bench.operator
    if not isinstance(operator, Filter):
        return
    import duckdb

    measured = {statistic.key: _null_and_nan(statistic.type) for statistic in operator.statistics}
    names = {key: key for key in measured}
    parts = [part(names) for part in (operator.condition.keep, operator.condition.reason, operator.condition.value)]
    with duckdb.connect(config={"threads": 1}) as database:
        database.register("stats", pa.table(measured))
        query = Sql.of("SELECT {parts} FROM stats", parts=joined(", ", parts))
        try:
            rows = query.execute(database).fetchall()
        except duckdb.Error as error:
            fix = "use a condition that fits the type of the statistic"
            raise bench.breach(f"gives SQL that fails: {contract.in_words(error)}", fix, "condition") from error
    if any(kept for kept, _, _ in rows):
        raise bench.breach("keeps a sample whose statistic is null or NaN", "let null and NaN fail", "condition")


def selection(bench: Bench) -> None:
    """Check that the query of a selector runs, and returns some of the samples, each once."""
    operator = bench.operator
    if not isinstance(operator, Selector):
        return
    for number in (len(TEXTS), 2):
        query = operator.selection(number)
        if query is None:
            continue
        found = [row["sample"] for row in _asked(bench, query, _judged(bench, operator).slice(0, number), "selection")]
        if len({*found}) < len(found) or not {*found} <= {*range(number)}:
            raise bench.breach("selects a sample twice, or one that is not there", "select from 'samples'", "selection")


def grouping(bench: Bench) -> None:
    """Check that the query of a grouper runs, and puts every sample into one group."""
    operator = bench.operator
    if not isinstance(operator, Grouper):
        return
    rows = _asked(bench, operator.grouping, _judged(bench, operator), "grouping")
    if rows and "group" not in rows[0]:
        fix = "select the columns 'sample' and 'group'"
        raise bench.breach("returns no column 'group'", fix, "grouping")
    if sorted(row["sample"] for row in rows) != [*range(len(TEXTS))]:
        problem = "leaves a sample out, or puts it into several groups"
        raise bench.breach(problem, "return every row of 'samples' once", "grouping")


def _judged(bench: Bench, operator: Selector | Grouper) -> pa.Table:
    """Return the table `samples` of the unusual texts, with the values that the operator measures."""
    values = bench.values(bench.batch(TEXTS))
    judged = [pa.array(values[statistic.key], statistic.type) for statistic in operator.statistics]
    column = judged[0] if judged else pa.nulls(len(TEXTS))
    if isinstance(operator, Selector) and judged:
        column = comparable(column)
    numbers = pa.array(range(len(TEXTS)), pa.int64())
    nowhere = pa.nulls(len(TEXTS), pa.int32())
    return pa.table({"sample": numbers, "shard": nowhere, "row": numbers, "value": column})


def _asked(bench: Bench, query: Sql, samples: pa.Table, method: str) -> list[dict[str, Any]]:
    """Return the rows of a query over samples."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as database:
        database.register("samples", samples)
        try:
            found = database.execute(query.text, list(query.parameters))
            names = [name for name, *_ in found.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            fix = "select the column 'sample' of the table 'samples'"
            raise bench.breach(f"gives SQL that fails: {contract.in_words(error)}", fix, method) from error
    if rows and "sample" not in rows[0]:
        raise bench.breach("returns no column 'sample'", "select the column 'sample' of the table 'samples'", method)
    return rows


def near_pairs(bench: Bench) -> None:
    """Check the pairs that a deduplicator finds by a search of its own."""
    operator = bench.operator
    if not isinstance(operator, Deduplicator) or not operator.may_be_near:
        return
    batch = bench.batch(TEXTS)
    signatures = contract.signed(operator, batch).drop_null().unique()
    distinct = np.sort(signatures.to_numpy(zero_copy_only=False))
    for values in (distinct, distinct[:0]):
        pairs = contract.near_pairs(operator, values)
        known = set(values.tolist())
        for a, b in zip(pairs["a"].to_pylist(), pairs["b"].to_pylist(), strict=True):
            if not a < b or not {a, b} <= known:
                fix = "return pairs a < b of the given signatures"
                raise bench.breach(f"returned the pair {a!r}, {b!r}", fix, "near_pairs")


CHECKS: tuple[Callable[[Bench], None], ...] = (
    declaration,
    empty_batch,
    declared_keys,
    unusual_texts,
    parts_of_a_batch,
    failing_sample,
    null_text,
    thresholds,
    condition,
    selection,
    grouping,
    near_pairs,
)


def _made(operator: type[Operator] | Operator) -> Operator:
    if isinstance(operator, Operator):
        return operator
    contract.check_class(operator)
    try:
        return operator()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or operator.__name__
        problem = f"the default parameters cannot be used: {name}: {first['msg']}"
        fix = f"give defaults, or check an operator with parameters: check_operator({operator.__name__}({name}=…))"
        raise ContractError(f"{contract.location(operator)}: {problem}; {fix}") from None


def _compare(bench: Bench, whole: Values, rows: Sequence[int], others: Values, where: str) -> None:
    """Compare the values of some rows of a batch with those found for the same texts elsewhere."""
    for name, values in whole.items():
        for position, row in enumerate(rows):
            before, after = values[row], others[name][position]
            if not (bool(before) == bool(after) if name == ERROR else same(before, after)):
                problem = f"returned {_short(before)} as {name!r} for a sample, and {_short(after)} {where}"
                raise bench.breach(problem, "use nothing but the sample itself for its value")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _other(value: object) -> object:
    """Return another value of the type of a judging parameter: the negation, a greater number."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return 1
    if isinstance(value, int | float):
        return value / 2 if value > 1 else value + 0.5 if isinstance(value, float) else value + 1
    return value


def _null_and_nan(kind: pa.DataType) -> pa.Array:
    return pa.array([None, np.nan if pa.types.is_floating(kind) else None], kind, from_pandas=False)
