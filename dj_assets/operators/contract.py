"""Check operators against their contract: results once for each batch, classes once when they are registered.

Every check raises `ContractError` with one line: file, line, class, the breach and the fix. An exception that an
operator raises for its samples is no breach; it passes through.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.errors import ContractError, DjError, SampleError
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import (
    Aggregator,
    BoundedFilter,
    ByParameters,
    CorpusMapper,
    CountingMapper,
    Deduplicator,
    Expander,
    FieldMapper,
    Filter,
    Grouper,
    Mapper,
    Measuring,
    Operator,
    Selector,
    Statistic,
)
from dj_assets.operators.batch import TEXT, Batch, TextError
from dj_assets.operators.kinds.vector_deduplicator import VECTOR, VectorDeduplicator
from dj_assets.operators.sql import Sql

T = TypeVar("T")
KEYS = pa.list_(pa.uint64())
_PACKAGE = "dj_assets."
# The kinds of values within which a cast changes no meaning. A number may also be cast to a text.
_KINDS = {
    "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean),
    "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    "bytes": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary),
    "time": (pa.types.is_temporal,),
}
# Columns that identify a sample. The table of statistics has them, too.
IDENTITY = ("shard", "row", "id")
STORED = "use pa.string(), pa.int64(), pa.float64(), pa.bool_(), or lists and structs of these"
# The fields of refined samples that hold their identity: that of the record, and the name of the sample.
SAMPLE_IDS = ("id", "__dj_id__")

_FIXES = {
    "aggregate": "add 'def aggregate(self, groups)', which returns one text for each group",
    "apply": "add 'def apply(self, batch)', which returns batch.with_text(texts)",
    "condition": "derive the class from RangeFilter, or add a property 'condition' that returns a Condition",
    "expand": "add 'def expand(self, batch)', which returns one list of texts for each sample",
    "count": "add 'def count(self, batch)', which returns one list of keys for each sample",
    "extract": "add 'def extract(self, batch)', which returns {name: array} with one value for each sample",
    "edit": "add 'def edit(self, name, value)', which returns a value of the same type",
    "grouping": "add a property 'grouping', which returns a query for the groups",
    "measure": "add 'def measure(self, batch)', which returns {key: array} with one value for each sample",
    "rewrite": "add 'def rewrite(self, batch, frequent)', which returns batch.with_text(texts)",
    "reason": "add a property 'reason', which returns in words why a sample is not selected",
    "selection": "add 'def selection(self, samples)', which returns a query for the selected samples",
    "sign": "add 'def sign(self, batch)', which returns an array with one signature for each sample",
}


def measured(
    operator: Measuring | CountingMapper, batch: Batch, measure: Callable[[Batch], Mapping[str, pa.Array]] | None = None
) -> dict[str, pa.Array]:
    """Measure a batch, by another function than `operator.measure` if one is given.

    Return one array for each declared statistic, of its type and as long as the batch.
    """
    returned = _called(operator, "measure", batch, lambda: (measure or operator.measure)(batch))
    declared = {statistic.key: statistic.type for statistic in operator.statistics}
    return _arrays(operator, "measure", returned, declared, len(batch), declaration="statistics")


def extracted(operator: FieldMapper, batch: Batch) -> dict[str, pa.Array]:
    """Extract from a batch; return one array for each declared field, of its type and as long as the batch."""
    returned = _called(operator, "extract", batch, lambda: operator.extract(batch))
    return _arrays(operator, "extract", returned, operator.fields, len(batch), declaration="fields")


def signed(operator: Deduplicator, batch: Batch) -> pa.Array:
    """Sign a batch; return one signature of the declared type for each sample."""
    returned = _called(operator, "sign", batch, lambda: operator.sign(batch))
    return _whole_keys(operator, "sign", _array(operator, "sign", returned, operator.signature_type, len(batch)))


def signed_with_vectors(operator: VectorDeduplicator, batch: Batch) -> tuple[pa.Array, pa.Array]:
    """Sign a batch by vectors; return the signature and the vector of each sample."""
    both = _called(operator, "embed", batch, lambda: operator.sign_with_vectors(batch))
    kinds = (operator.signature_type, VECTOR)
    signatures, vectors = (
        _array(operator, "embed", array, kind, len(batch)) for array, kind in zip(both, kinds, strict=True)
    )
    return signatures, vectors


def counted(operator: CorpusMapper, batch: Batch) -> pa.Array:
    """Count a batch; return one list of keys, `uint64`, for each sample."""
    returned = _called(operator, "count", batch, lambda: operator.count(batch))
    return _whole_keys(operator, "count", _array(operator, "count", returned, KEYS, len(batch)))


def expanded(operator: Expander, batch: Batch) -> pa.ListArray:
    """Expand a batch; return one list for each sample: of texts, or of structs with a field `text`."""
    returned = _called(operator, "expand", batch, lambda: operator.expand(batch))
    fix = "return pa.array(lists, pa.list_(pa.string())), or lists of structs with a field 'text'"
    returned = _whole_array(operator, "expand", returned, fix)
    if len(returned) != len(batch):
        problem = f"returned {_several(len(returned), 'list')} for {_several(len(batch), 'sample')}"
        raise _breach(operator, "expand", problem, "return one list for each sample, empty if it has no children")
    inner = returned.type.value_type if _is_list(returned.type) else pa.null()
    if not _makes_samples(operator, "expand", inner):
        raise _breach(operator, "expand", f"returned values of type {returned.type}", fix)
    returned = returned.cast(pa.list_(inner))
    if returned.null_count or _has_null_texts(returned.flatten()):
        raise _breach(operator, "expand", "returned a null", "return an empty list, or a text for each child")
    return returned


def aggregated(operator: Aggregator, groups: pa.ListArray, models: ModelStore | None = None) -> pa.Array:
    """Aggregate groups of texts; return one text for each, or one struct with a field `text`."""
    store = models or ModelStore()
    returned = _called(operator, "aggregate", groups, lambda: operator.aggregate_with(groups, store))
    fix = "return pa.array(texts, pa.string()), or structs with a field 'text'"
    returned = _whole_array(operator, "aggregate", returned, fix)
    if len(returned) != len(groups):
        problem = f"returned {_several(len(returned), 'sample')} for {_several(len(groups), 'group')}"
        raise _breach(operator, "aggregate", problem, "return one sample for each group")
    if not _makes_samples(operator, "aggregate", returned.type):
        raise _breach(operator, "aggregate", f"returned values of type {returned.type}", fix)
    if _has_null_texts(returned):
        raise _breach(operator, "aggregate", "returned a null", "return a text for each group, '' if it is empty")
    return returned


def _whole_array(operator: Operator, method: str, returned: object, fix: str) -> pa.Array:
    """Return what an operator returned as one Arrow array."""
    if isinstance(returned, pa.ChunkedArray):
        returned = returned.combine_chunks()
    if not isinstance(returned, pa.Array):
        raise _breach(operator, method, f"returned {_kind_of(returned)}", fix)
    return returned


def fields_besides_text(kind: pa.DataType) -> dict[str, pa.DataType]:
    """Return names and types of the fields that made samples have in addition to the text."""
    return {field.name: field.type for field in kind if field.name != TEXT} if pa.types.is_struct(kind) else {}


def _makes_samples(operator: Operator, method: str, kind: pa.DataType) -> bool:
    """Return whether values of a type make samples: texts, or structs with a text and fields that can be written."""
    names = [field.name for field in kind] if pa.types.is_struct(kind) else []
    text = kind.field(names.index(TEXT)).type if names.count(TEXT) == 1 else kind
    if not pa.types.is_string(text):
        return False
    reserved = sorted(set(names) & set(IDENTITY))
    if reserved:
        raise _breach(operator, method, f"returned the field {reserved[0]!r}, which names a sample", "leave it out")
    written = fields_besides_text(kind)
    for name, of_type in written.items():
        if _field_problem(name, written) or not _is_stored(of_type):
            raise _breach(operator, method, f"returned the field {name!r} of type {of_type}", STORED)
    return True


def _has_null_texts(samples: pa.Array) -> bool:
    texts = pc.struct_field(samples, TEXT) if pa.types.is_struct(samples.type) else samples
    return bool(samples.null_count or texts.null_count)


def rewritten(operator: Mapper, batch: Batch, rewrite: Callable[[Batch], Batch]) -> Batch:
    """Rewrite a batch by a method of a mapper; return a batch of the same samples in the same order."""
    method = "rewrite" if isinstance(operator, CorpusMapper) else "apply"
    returned = _called(operator, method, batch, lambda: rewrite(batch))
    if returned is batch:
        return batch
    fix = "return batch.with_text(texts)"
    if not isinstance(returned, Batch):
        raise _breach(operator, method, f"returned {_kind_of(returned)}", fix)
    if len(returned) != len(batch):
        raise _breach(operator, method, f"returned {len(returned)} samples for {len(batch)}", fix)
    before, after = batch.rows, returned.rows
    if TEXT not in after.schema.names or not pa.types.is_string(after.schema.field(TEXT).type):
        raise _breach(operator, method, "returned a batch without a column 'text' of type string", fix)
    if returned.text.null_count:
        raise _breach(operator, method, "returned a null text", "return a text for each sample, '' if it is empty")
    for name in before.schema.names:
        if name not in after.schema.names:
            raise _breach(operator, method, f"returned a batch without the column {name!r}", fix)
        if name in IDENTITY and not after.column(name).equals(before.column(name)):
            raise _breach(operator, method, "returned the samples in another order", fix)
    return returned


def near_pairs(operator: Deduplicator, distinct: np.ndarray, threads: int = 1) -> pa.Table:
    """Return the near pairs of distinct signatures; those of an author's own search are checked.

    `a` and `b` then have the type of the signature and no nulls.
    """
    if type(operator).near_pairs is Deduplicator.near_pairs:
        return operator.near_pairs(distinct, threads)
    method, fix = "near_pairs", "return pa.table({'a': …, 'b': …, 'distance': …}), one row for each pair"
    try:
        # an override need not take the number of threads
        returned = operator.near_pairs(distinct)
    except DjError:
        raise
    except Exception as error:
        raise _breach(operator, method, f"raised {in_words(error)}", "correct the method") from error
    if not isinstance(returned, pa.Table):
        raise _breach(operator, method, f"returned {_kind_of(returned)}", fix)
    for name in ("a", "b"):
        if name not in returned.column_names:
            raise _breach(operator, method, f"returned a table without the column {name!r}", fix)
        values = _array(operator, method, returned[name], operator.signature_type, len(returned), of=f"of {name!r} ")
        if values.null_count:
            raise _breach(operator, method, f"returned a null in {name!r}", fix)
        returned = returned.set_column(returned.column_names.index(name), name, values)
    return returned


def check_class(cls: type[Operator]) -> None:
    """Check that the class of an operator is complete.

    Raises
    ------
    ContractError
        If a method is missing, a declaration has the wrong type, or a bound is no field.
    """
    given: object = cls
    if not (isinstance(given, type) and issubclass(given, (Mapper, Measuring, Expander, Aggregator, Deduplicator))):
        kinds = "Mapper, Filter, Selector, Expander, Grouper, Aggregator or Deduplicator"
        raise ContractError(f"{location(cls)} is no operator; derive it from {kinds}")
    for method in sorted(getattr(cls, "__abstractmethods__", ())):
        fix = _FIXES.get(method, f"add the method {method!r}")
        raise ContractError(f"{location(cls)} has no {method!r}; {fix}")
    if issubclass(cls, Measuring):
        by_parameters = isinstance(inspect.getattr_static(cls, "statistics"), ByParameters)
        # selectors and groupers may have none
        none = not cls.statistics and not issubclass(cls, Filter)
        if not by_parameters and not none:
            _check_statistics(cls, cls.statistics)
        if issubclass(cls, BoundedFilter):
            _check_bounds(cls)
    if issubclass(cls, FieldMapper) and not isinstance(inspect.getattr_static(cls, "fields"), ByParameters):
        _check_fields(cls, cls.fields)
    unknown = sorted(set(cls.judging) - set(cls.model_fields))
    if unknown:
        fix = f"declare the field {unknown[0]!r}, or take it out of 'judging'"
        raise ContractError(f"{location(cls)}: 'judging' names {_quoted(unknown)}, which is no field; {fix}")
    if issubclass(cls, Deduplicator) and not _is_signature(cls.signature_type):
        fix = "declare an integer type, pa.binary(n), or a list of integers such as pa.list_(pa.uint64())"
        raise ContractError(f"{location(cls)}: 'signature_type' is {cls.signature_type}; {fix}")


def check_operator(operator: Operator) -> None:
    """Check the parts of an operator that depend on its parameters: statistics, condition and written fields.

    Raises
    ------
    ContractError
        If a statistic is not declared, a field cannot be written, or the condition cannot be compiled.
    """
    if isinstance(operator, FieldMapper):
        _check_fields(type(operator), operator.fields)
    cls = type(operator)
    if not isinstance(operator, Measuring):
        return
    if isinstance(inspect.getattr_static(cls, "statistics"), ByParameters) and operator.statistics:
        _check_statistics(cls, operator.statistics, reserved=())
    if isinstance(operator, Selector):
        _check_selection(operator)
    if isinstance(operator, Grouper):
        _check_grouping(operator)
    if not isinstance(operator, Filter):
        return
    columns = {statistic.key: statistic.key for statistic in operator.statistics}
    try:
        condition = operator.condition
        for sql in (condition.keep, condition.reason, condition.value):
            sql(columns)
    except KeyError as error:
        problem = f"uses the key {error}, but 'statistics' declares {_quoted(columns)}"
        raise _breach(operator, "condition", problem, "use the same key in both") from None
    except Exception as error:
        fix = "return a Condition, such as Range(key, low, high)"
        raise _breach(operator, "condition", f"raised {in_words(error)}", fix) from error


def location(cls: type, method: str = "") -> str:
    """Return file, line and name of a class, or of a method of it: `mine.py:12: MyFilter.measure`.

    For a method that an author's class inherits from this package, the line is that of the class.
    """
    member: Any = inspect.getattr_static(cls, method, None) if method else None
    if isinstance(member, property):
        member = member.fget
    function = inspect.unwrap(member) if member else None
    ours = getattr(function, "__module__", "").startswith(_PACKAGE) and not cls.__module__.startswith(_PACKAGE)
    code = None if ours else getattr(function, "__code__", None)
    name = f"{cls.__name__}.{method}" if method else cls.__name__
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}: {name}"
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}: {name}"
    except (OSError, TypeError):
        return f"{cls.__module__}: {name}"


def _called(operator: Operator, method: str, batch: Sized, call: Callable[[], T]) -> T:
    """Call a method of an operator for a batch, or for groups.

    Texts that do not fit their batch are a breach, and so is an exception for a batch without samples: no sample can be
    quarantined for it.
    """
    try:
        return call()
    except TextError as error:
        raise ContractError(f"{location(type(operator), method)} {error}") from None
    except Exception as error:
        if len(batch) or (isinstance(error, DjError) and not isinstance(error, SampleError)):
            raise
        fix = "let such a batch give no values"
        raise _breach(operator, method, f"raised {in_words(error)} for a batch without samples", fix) from error


def _arrays(
    operator: Operator,
    method: str,
    returned: Any,  # noqa: ANN401 - whatever the author's method returned
    declared: Mapping[str, pa.DataType],
    samples: int,
    *,
    declaration: str,
) -> dict[str, pa.Array]:
    """Return what an operator returned for a batch as one array for each key of its declaration."""
    if not isinstance(returned, Mapping):
        raise _breach(operator, method, f"returned {_kind_of(returned)}", "return a dict {key: array}")
    missing = [key for key in declared if key not in returned]
    if missing:
        problem = f"returned {_quoted(returned) or 'no key'}, but {declaration!r} declares {_quoted(missing)}"
        raise _breach(operator, method, problem, "use the same keys in both")
    return {
        key: _array(operator, method, returned[key], kind, samples, of=f"of {key!r} ") for key, kind in declared.items()
    }


def _array(
    operator: Operator,
    method: str,
    values: object,
    declared: pa.DataType,
    samples: int,
    *,
    of: str = "",
) -> pa.Array:
    """Return what an operator returned for a batch as one array of the declared type and the length of the batch."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = f"pa.array(values, {_spelt(declared)})"
    if not isinstance(values, pa.Array):
        raise _breach(operator, method, f"returned its values {of}as {type(values).__name__}", f"return {array}")
    if len(values) != samples:
        problem = f"returned {_several(len(values), 'value')} {of}for {_several(samples, 'sample')}"
        raise _breach(operator, method, problem, "return one value for each sample")
    if values.type == declared:
        return values
    problem = f"returned values {of}of type {values.type}, but {declared} is declared"
    if not _converts(values.type, declared):
        raise _breach(operator, method, problem, f"return {array}, or declare {values.type}")
    try:
        return values.cast(declared)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _breach(operator, method, f"{problem} ({in_words(error)})", f"return {array}") from None


def _whole_keys(operator: Operator, method: str, values: pa.Array) -> pa.Array:
    """Return signatures or keys, whose lists must hold no nulls."""
    if pa.types.is_list(values.type) and values.flatten().null_count:
        raise _breach(operator, method, "returned a null inside a list of keys", "leave the key out")
    return values


def _check_statistics(cls: type[Operator], statistics: object, reserved: tuple[str, ...] = IDENTITY) -> None:
    example = "statistics = (Statistic('score', pa.float64(), 'unit'),)"
    if not isinstance(statistics, tuple) or not all(isinstance(entry, Statistic) for entry in statistics):
        fix = f"declare a tuple of Statistic, with a comma at its end: {example}"
        raise ContractError(f"{location(cls)}: 'statistics' is {_kind_of(statistics)}; {fix}")
    if not statistics:
        raise ContractError(f"{location(cls)} declares no statistics; add {example}")
    keys = [statistic.key for statistic in statistics]
    for statistic in statistics:
        key = statistic.key
        if not isinstance(key, str) or not key or keys.count(key) > 1 or key in reserved:
            fix = f"use a text of its own, other than {', '.join(IDENTITY)}"
            raise ContractError(f"{location(cls)}: the statistic {key!r} cannot have this key; {fix}")
        if not isinstance(statistic.type, pa.DataType):
            fix = "use an Arrow type such as pa.float64()"
            raise ContractError(f"{location(cls)}: the type of the statistic {key!r} is {statistic.type!r}; {fix}")


def _check_fields(cls: type[FieldMapper], fields: object) -> None:
    example = "fields = {'tags': pa.list_(pa.string())}"
    if not isinstance(fields, Mapping) or not fields:
        raise ContractError(f"{location(cls)}: 'fields' is {fields!r}; declare the written fields: {example}")
    for name, kind in fields.items():
        problem = _field_problem(name, fields)
        if problem:
            raise ContractError(f"{location(cls)}: the field {name!r} cannot be written: {problem}; use another name")
        if not _is_stored(kind):
            raise ContractError(f"{location(cls)}: the type of the field {name!r} is {kind!s}; {STORED}")


def _field_problem(name: object, fields: Iterable[object]) -> str:
    """Return why an operator cannot write a field of this name; "" if it can."""
    if not isinstance(name, str) or not all(name.split(".")):
        return "it has no name"
    if name.split(".")[0] in SAMPLE_IDS:
        return "it identifies the sample"
    inside = next((other for other in fields if str(other).startswith(f"{name}.")), None)
    return f"{inside!r} is inside of it" if inside else ""


def _is_stored(kind: object) -> bool:
    """Return whether samples of every source can hold values of a type, JSON records included."""
    if not isinstance(kind, pa.DataType):
        return False
    if pa.types.is_list(kind):
        return _is_stored(kind.value_type)
    if pa.types.is_struct(kind):
        return bool(kind.num_fields) and all(_is_stored(field.type) for field in kind)
    return kind in (pa.string(), pa.int64(), pa.float64(), pa.bool_())


def _check_selection(operator: Selector) -> None:
    if len(operator.statistics) > 1:
        problem = f"declares {len(operator.statistics)} statistics, but a selector judges one value"
        raise ContractError(f"{location(type(operator))} {problem}; declare one")
    try:
        selection: object = operator.selection(2)
        reason: object = operator.reason
    except Exception as error:
        fix = "return Sql('SELECT sample FROM samples WHERE …'), or None if all are selected"
        raise _breach(operator, "selection", f"raised {in_words(error)}", fix) from error
    if not isinstance(reason, str) or not (selection is None or isinstance(selection, Sql)):
        fix = "return Sql('SELECT sample FROM samples WHERE …') and a text"
        raise _breach(operator, "selection", f"returned {_kind_of(selection)} and {_kind_of(reason)}", fix)


def _check_grouping(operator: Grouper) -> None:
    if len(operator.statistics) > 1:
        problem = f"declares {len(operator.statistics)} statistics, but a grouper groups by one value"
        raise ContractError(f"{location(type(operator))} {problem}; declare one")
    fix = "return Sql('SELECT sample, … AS \"group\" FROM samples')"
    try:
        grouping: object = operator.grouping
    except Exception as error:
        raise _breach(operator, "grouping", f"raised {in_words(error)}", fix) from error
    if not isinstance(grouping, Sql):
        raise _breach(operator, "grouping", f"returned {_kind_of(grouping)}", fix)


def _check_bounds(cls: type[BoundedFilter]) -> None:
    bounds: object = cls.bounds
    if not isinstance(bounds, tuple) or len(bounds) != 2:
        raise ContractError(f"{location(cls)}: 'bounds' is {bounds!r}; name two fields: bounds = ('min_x', 'max_x')")
    for name in bounds:
        if name not in cls.model_fields:
            fix = f"declare it: '{name}: float | None = None', or name your two fields in 'bounds'"
            raise ContractError(f"{location(cls)}: the bound {name!r} is no field of the class; {fix}")


def _is_signature(kind: object) -> bool:
    if not isinstance(kind, pa.DataType):
        return False
    inner = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_integer(inner) or (inner is kind and pa.types.is_fixed_size_binary(kind)))


def _converts(given: pa.DataType, declared: pa.DataType) -> bool:
    """Tell whether values of a type are of the same kind as the declared type, so that a cast changes no meaning."""
    if pa.types.is_null(given):
        return True
    if pa.types.is_dictionary(given):
        return _converts(given.value_type, declared)
    if _is_list(given) and _is_list(declared):
        return _converts(given.value_type, declared.value_type)
    kinds = _kind(given), _kind(declared)
    return given == declared or kinds in {("number", "text"), *((kind, kind) for kind in _KINDS)}


def _kind(kind: pa.DataType) -> str:
    """Return the kind of values of a type, "" if no cast to another type of the kind is allowed."""
    return next((name for name, tests in _KINDS.items() if any(test(kind) for test in tests)), "")


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _breach(operator: Operator, method: str, problem: str, fix: str) -> ContractError:
    return ContractError(f"{location(type(operator), method)} {problem}; {fix}")


def in_words(error: Exception) -> str:
    """Return the type of an error and its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _quoted(keys: Iterable[object]) -> str:
    return ", ".join(repr(key) for key in keys)


def _spelt(kind: pa.DataType) -> str:
    """Return a type as it is written in Python."""
    if pa.types.is_list(kind):
        return f"pa.list_({_spelt(kind.value_type)})"
    if pa.types.is_fixed_size_binary(kind):
        return f"pa.binary({kind.byte_width})"
    return f"pa.{ {'double': 'float64', 'float': 'float32', 'bool': 'bool_'}.get(str(kind), kind) }()"
