from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dj_assets.errors import ContractError
from dj_assets.operators import (
    Batch,
    CorpusMapper,
    Deduplicator,
    FieldMapper,
    Filter,
    Mapper,
    Range,
    RangeFilter,
    Statistic,
)
from dj_assets.operators.text.text_length_filter import TextLengthFilter
from dj_assets.testing import check_operator


class Length(RangeFilter):
    statistics = (Statistic("len", pa.int64(), "characters"),)
    min_ratio: float = 0.0
    max_ratio: float = 10.0

    def measure(self, batch):
        return {"len": pc.utf8_length(batch.text)}


class First(Deduplicator):
    def sign(self, batch):
        return pa.array([ord(text[0]) if text else None for text in batch.text.to_pylist()], pa.uint64())


class Lines(CorpusMapper):
    frequency_threshold: int = 1

    def count(self, batch):
        return pa.array([[len(text)] for text in batch.text.to_pylist()], pa.list_(pa.uint64()))

    def rewrite(self, batch, frequent):
        texts = ["" if len(text) in frequent else text for text in batch.text.to_pylist()]
        return batch.with_text(pa.array(texts, pa.string()))


class Upper(FieldMapper):
    fields: ClassVar[Mapping[str, pa.DataType]] = {"m.upper": pa.string(), "empty": pa.bool_()}

    def extract(self, batch):
        return {"m.upper": pc.utf8_upper(batch.text), "empty": pc.equal(pc.binary_length(batch.text), 0)}


@pytest.mark.parametrize("operator", [Length, Length(max_ratio=3), First, Lines, Upper, TextLengthFilter])
def test_right_operators_pass(operator):
    check_operator(operator)


class WithMean(Length):
    """Looks at the whole batch."""

    def measure(self, batch):
        mean = pc.mean(pc.utf8_length(batch.text)).as_py() or 0
        return {"len": pa.array([int(len(text) > mean) for text in batch.text.to_pylist()], pa.int64())}


class Numbering(Length):
    def measure(self, batch):
        return {"len": pa.array(range(len(batch)), pa.int64())}


class WithBound(Length):
    def measure(self, batch):
        return {"len": pc.min_element_wise(pc.utf8_length(batch.text), int(self.max_ratio))}


class Empty(Length):
    def measure(self, batch):
        return {"len": pa.array([max(map(len, batch.text.to_pylist()))] * len(batch), pa.int64())}


class Always(Length):
    def measure(self, batch):
        return {"len": pa.array([undefined for _ in batch.text], pa.int64())}  # noqa: F821


class More(Length):
    def measure(self, batch):
        return {**super().measure(batch), "more": pc.utf8_length(batch.text)}


class KeepsNaN(Filter):
    statistics = (Statistic("x", pa.float64()),)

    def measure(self, batch):
        return {"x": pa.array([1.0] * len(batch), pa.float64())}

    @property
    def condition(self):
        return AtLeast("x", low=0.0)


class AtLeast(Range):
    def keep(self, columns):
        sql = super().keep(columns)
        return type(sql)(f"({columns[self.key]} IS NULL OR {sql.text})", sql.parameters)


class TextRange(Length):
    statistics = (Statistic("len", pa.string()),)
    min_ratio: float = 0.0

    def measure(self, batch):
        return {"len": batch.text}


class Sorted(Mapper):
    def apply(self, batch):
        return batch.with_text(batch.text.take(pc.sort_indices(batch.text)))


class Shortened(Mapper):
    def apply(self, batch):
        return batch.with_text(batch.text.slice(1))


class Rebuilt(Mapper):
    def apply(self, batch):
        return Batch.of_texts(batch.text.to_pylist())


class UpperOfFirst(Upper):
    def extract(self, batch):
        return {name: pa.repeat(values[0], len(batch)) for name, values in super().extract(batch).items() if len(batch)}


class UpperAndMore(Upper):
    def extract(self, batch):
        return {**super().extract(batch), "more": batch.text}


class UpperOfMean(Upper):
    def extract(self, batch):
        columns = super().extract(batch)
        return {**columns, "empty": pa.repeat(pc.any(columns["empty"]).as_py() or False, len(batch))}


class Pairs(First):
    def near_pairs(self, distinct):
        values = pa.array(distinct[:1], pa.uint64())
        return pa.table({"a": values, "b": values})


class NoPairs(First):
    def near_pairs(self, distinct):
        return [(1, 2)]


class Required(Length):
    max_ratio: float


@pytest.mark.parametrize(
    ("cls", "line"),
    [
        (WithMean, "WithMean.measure returned 1 as 'len' for a sample, and 0 in a smaller batch"),
        (WithMean, "use nothing but the sample itself for its value"),
        (Numbering, "Numbering.measure returned 1 as 'len' for a sample, and 0 in a smaller batch"),
        (WithBound, "WithBound.measure uses the judging parameter 'max_ratio'"),
        (Empty, "Empty.measure raised ValueError: max"),
        (Always, "Always.measure raised an exception for every sample, first NameError: name 'undefined'"),
        (More, "More.measure returned 'more', which 'statistics' does not declare"),
        (KeepsNaN, "KeepsNaN.condition keeps a sample whose statistic is null or NaN"),
        (TextRange, "TextRange.condition gives SQL that fails: "),
        (Sorted, "Sorted.apply returned "),
        (Shortened, "Shortened.apply returned 13 texts for 14 samples; return one text for each sample"),
        (Rebuilt, "Rebuilt.apply returned a batch without the column 'id'; return batch.with_text(texts)"),
        (UpperOfFirst, "UpperOfFirst.extract returned no key, but 'fields' declares 'm.upper', 'empty'"),
        (UpperAndMore, "UpperAndMore.extract returned 'more', which 'fields' does not declare"),
        (UpperOfMean, "UpperOfMean.extract returned True as 'empty' for a sample, and False in a smaller batch"),
        (Pairs, "Pairs.near_pairs returned the pair "),
        (NoPairs, "NoPairs.near_pairs returned a value of type list; return pa.table("),
        (Required, "check_operator(Required(max_ratio=…))"),
    ],
)
def test_a_breach_is_one_line_with_file_class_and_fix(cls, line):
    with pytest.raises(ContractError) as caught:
        check_operator(cls)
    said = str(caught.value)
    assert line in said
    assert said.startswith(f"{__file__}:")
    assert "; " in said
    assert "\n" not in said
