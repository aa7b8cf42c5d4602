"""Refined samples as JSON lines: each record is unchanged except for the cleaned text."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dj_assets.sources import exact_json
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.fields import ID, SAMPLE_NAME, put_text, restore
from dj_assets.sources.json_values import as_json, plain_records


def json_lines(
    batch: pa.RecordBatch, text_key: str, types: ColumnTypes | None = None, *, named: bool = False
) -> Iterator[bytes]:
    """Yield one line per sample, with its line end.

    The name of a sample comes first as `__dj_id__` if the record has no `id`, or several samples are `named` alike.

    Parameters
    ----------
    batch
        Columns `id`, `text`, `fields`, as returned by `parse`. A JSON record keeps every digit. In a struct, times and
        decimals become strings, binary becomes base64, and NaN becomes null.
    text_key
        The key to which the text is written back.
    types
        The types of the source, for the columns of a struct.
    named
        Whether samples were made from others: these have the `id` of their record.
    """
    if not pa.types.is_struct(batch["fields"].type):
        return _of_json(batch, text_key, named=named)
    has_id = not named and batch["fields"].type.get_field_index(ID) >= 0
    return table_lines(source_table(batch, text_key, types or ColumnTypes(), None if has_id else batch["id"]))


def source_table(
    batch: pa.RecordBatch, text_key: str, types: ColumnTypes, ids: pa.Array | None = None
) -> pa.RecordBatch:
    """Return the rows of a struct as columns in the types of the source, with the names of samples if given."""
    return types.retyped(restore(batch["fields"], batch["text"], ids, None, text_key))


def _of_json(batch: pa.RecordBatch, text_key: str, *, named: bool) -> Iterator[bytes]:
    columns = (batch["fields"].to_pylist(), batch["text"].to_pylist(), batch["id"].to_pylist())
    for record, text, name in zip(*columns, strict=True):

        def changed(value: dict[str, object], text: str = text, name: str = name) -> dict[str, object]:
            put_text(value, text, text_key)
            return value if ID in value and not named else {SAMPLE_NAME: name} | value | {SAMPLE_NAME: name}

        yield exact_json.rewrite(record, changed).encode("utf-8") + b"\n"


def table_lines(table: pa.RecordBatch) -> Iterator[bytes]:
    """Yield one line per row, with its line end and a key for each column; values are converted as in `json_lines`."""
    return (as_json(record) + b"\n" for record in plain_records(table))
