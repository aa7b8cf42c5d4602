"""Writing: Parquet files, refined files and other files, that appear whole or not at all."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.home.damage import Sum
from dj_assets.home.identity import part_of
from dj_assets.sources.column_types import ColumnTypes, plain, without_rows
from dj_assets.sources.json_lines import json_lines
from dj_assets.sources.table_batches import batches_of
from dj_assets.stores.atomic import sync_path, temporary_beside

_BATCH_BYTES = 4 * 1024 * 1024
_MAX_BATCH_ROWS = 8192
_CLEANED = ("row", "id", "text")
_FIELDS = ("row", "fields")
_ROW_GROUP_BYTES = 16 * 1024 * 1024
_ROW_GROUP_ROWS = 131072


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; the file written there replaces `path` when the block ends.

    The file is on the disk (fsync) before it gets its name. If the block raises, the temporary file is removed and
    what lay at `path` stays. The folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        sync_path(temporary)
        temporary.replace(path)
        sync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def open_parquet(target: Path | BinaryIO, schema: pa.Schema, **options: object) -> pq.ParquetWriter:
    """Return a writer of a zstd Parquet file whose readers get `schema`; its tables must be `plain`.

    pyarrow 26 does not write every nested string view. A view and a string are the same in Parquet: only the schema in
    the metadata, which is what pyarrow writes, names the view.
    """
    stored = plain(without_rows(schema)).schema
    same = stored.equals(schema)
    writer = pq.ParquetWriter(
        target, stored, compression="zstd", write_page_checksum=True, store_schema=same, **options
    )
    if not same:
        named = {"ARROW:schema": base64.b64encode(schema.serialize()).decode("ascii")}
        writer.add_key_value_metadata({**(schema.metadata or {}), **named})
    return writer


class ParquetFileWriter:
    """Write one Parquet file: zstd, row groups of about 16 MiB, no dictionary for floats and nested columns.

    A context manager: the file appears under its name when the block ends, and not at all if it raises. Holds at most
    one row group. Without a single row it is a valid file with the schema. `sum` is known once the file is there.
    """

    sum: Sum

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._pending_rows = 0
        self._place = replace_atomically(path)

    def write(self, rows: pa.RecordBatch) -> None:
        """Add rows; their schema must be that of the file."""
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        self._pending_rows += rows.num_rows
        self.rows += rows.num_rows
        if self._pending_bytes >= _ROW_GROUP_BYTES or self._pending_rows >= _ROW_GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait for a whole row group."""
        if self._pending_rows:
            table = pa.Table.from_batches([plain(rows) for rows in self._pending], self._writer.schema)
            self._writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
        self._pending, self._pending_bytes, self._pending_rows = [], 0, 0

    def __enter__(self) -> ParquetFileWriter:
        self._temporary = temporary = self._place.__enter__()
        dictionary = [field.name for field in self._schema if _repeats(field.type)]
        self._writer = open_parquet(temporary, self._schema, use_dictionary=dictionary)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
            self._writer.close()
        except BaseException as failed:
            self._place.__exit__(type(failed), failed, failed.__traceback__)
            raise
        self.sum = Sum.of(self._temporary)
        self._place.__exit__(kind, error, trace)


def write_refined(
    target: Path,
    cleaned: Path,
    fields: Path,
    keep: np.ndarray,
    *,
    types: ColumnTypes,
    text_key: str,
    format: Literal["parquet", "jsonl"],
) -> int:
    """Write the kept rows of a measured source file with their original columns; return how many.

    Parameters
    ----------
    target
        The file to write; it appears whole or not at all.
    cleaned, fields
        Measured files with the same rows in the same order: `row, id, text`, and `row, fields`.
    keep
        Which rows to write; bool, shape `(rows,)`.
    types
        The types of the columns of all files.
    text_key
        Where the text goes back to.
    format
        `parquet` restores columns (see `ColumnTypes.restored`). `jsonl` writes each JSON record as it was, with the
        cleaned text in its place; without an `id` it gets `__dj_id__`. Of a struct, dates, times and decimals become
        strings, binary becomes base64, NaN null.

    Raises
    ------
    ValueError
        If the two files and `keep` do not hold the same rows.
    """
    samples = _kept(cleaned, fields, keep)
    if format == "jsonl":
        return _write_lines(target, samples, text_key, types)
    struct = pq.read_schema(fields).field("fields").type
    none = pa.nulls(0, pa.string())
    schema = types.restored(pa.nulls(0, struct), none, none, text_key).schema
    with ParquetFileWriter(target, schema) as writer:
        for batch in samples:
            writer.write(types.restored(batch["fields"], batch["text"], batch["id"], text_key))
    return writer.rows


def _kept(cleaned: Path, fields: Path, keep: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Yield the kept rows, columns `row`, `id`, `text`, `fields`."""
    at = 0
    with pq.ParquetFile(cleaned) as texts, pq.ParquetFile(fields) as others:
        if not texts.metadata.num_rows == others.metadata.num_rows == len(keep):
            raise ValueError(
                f"{cleaned}: {texts.metadata.num_rows} rows, but {others.metadata.num_rows} fields, {len(keep)} marks"
            )
        rows = min(_rows_per_batch(texts.metadata), _rows_per_batch(others.metadata))
        left = batches_of(texts, rows, list(_CLEANED))
        right = batches_of(others, rows, list(_FIELDS))
        for text, other in _in_step(left, right):
            if not text["row"].equals(other["row"]):
                raise ValueError(f"{cleaned}: row numbers differ from those of {fields} near row {at}")
            both = pa.RecordBatch.from_arrays(
                [text["row"], text["id"], text["text"], other["fields"]], names=["row", "id", "text", "fields"]
            )
            mask = pa.array(keep[at : at + len(both)].astype(bool, copy=False))
            at += len(both)
            yield both.filter(mask)


def _in_step(
    left: Iterator[pa.RecordBatch], right: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield slices of equal length: the two files may break their batches at different rows."""
    a = b = None
    while True:
        a = next(left, None) if a is None or not len(a) else a
        b = next(right, None) if b is None or not len(b) else b
        if a is None or b is None:
            return
        length = min(len(a), len(b))
        yield a.slice(0, length), b.slice(0, length)
        a, b = a.slice(length), b.slice(length)


def _rows_per_batch(metadata: pq.FileMetaData) -> int:
    size: int = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES * int(metadata.num_rows) // max(1, size)))


def _write_lines(target: Path, samples: Iterator[pa.RecordBatch], text_key: str, types: ColumnTypes) -> int:
    rows = 0
    with replace_atomically(target) as temporary, temporary.open("wb") as file:
        for batch in samples:
            made = bool(np.any(part_of(batch["row"].to_numpy())))
            file.writelines(json_lines(batch, text_key, types, named=made))
            rows += batch.num_rows
    return rows


def _repeats(kind: pa.DataType) -> bool:
    """Return whether values of this type are likely to repeat, so that a dictionary pays."""
    return not (pa.types.is_floating(kind) or pa.types.is_nested(kind))
