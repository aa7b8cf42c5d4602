"""Refined samples, read a few at a time from Parquet or from JSON lines; given as a table, as records or as lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.publish.export.exported_media import MediaSource
from dj_assets.sources import exact_json
from dj_assets.sources.column_types import without_rows
from dj_assets.sources.fields import FieldTypes, observe, restore
from dj_assets.sources.json_lines import table_lines
from dj_assets.sources.json_values import as_json, plain_records
from dj_assets.sources.table_batches import batches_of

_MAX_ROWS = 2048


@dataclass(frozen=True)
class Samples(ABC):
    """Hold a few refined samples in order; `first` is the number of the first one in the export, from 0.

    `text_key` names the field of the text, `media` gives the locations of images and clips.
    """

    first: int
    text_key: str
    media: MediaSource

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def table(self) -> pa.RecordBatch:
        """Return the samples as a batch with one column per field."""

    @abstractmethod
    def lines(self) -> Iterator[bytes]:
        """Yield one JSON line per sample, with its line end."""

    @abstractmethod
    def records(self) -> list[dict[str, object]]:
        """Return the samples as dicts."""

    @abstractmethod
    def dump(self, record: dict[str, object]) -> bytes:
        """Return one of the records, or a part of it, as JSON."""


@dataclass(frozen=True)
class TableSamples(Samples):
    """Hold samples of a refined Parquet file."""

    batch: pa.RecordBatch

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.batch)

    def table(self) -> pa.RecordBatch:
        """Return the batch."""
        return self.batch

    def lines(self) -> Iterator[bytes]:
        """Yield JSON lines with a key for each column."""
        return table_lines(self.batch)

    def records(self) -> list[dict[str, object]]:
        """Return dicts with a key for each column; times and decimals are strings."""
        return plain_records(self.batch)

    def dump(self, record: dict[str, object]) -> bytes:
        """Return a record as JSON; binary becomes base64."""
        return as_json(record)


@dataclass(frozen=True)
class LineSamples(Samples):
    """Hold samples of a refined file of JSON lines; `types` covers all samples and is needed for a table only."""

    raw: Sequence[bytes]
    types: FieldTypes | None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.raw)

    def table(self) -> pa.RecordBatch:
        """Return a batch with a column for each key that any sample of the subset has."""
        texts = [line.decode() for line in self.raw]
        records = [exact_json.loads(text) for text in texts]
        locations = [exact_json.text_location(record, self.text_key) for record in records]
        cleaned = [None if location is None else location[0].get(location[1]) for location in locations]
        fields, text = (pa.array(column, pa.string()) for column in (texts, cleaned))
        return restore(fields, text, None, self.types or FieldTypes(), self.text_key)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines unchanged."""
        return iter(self.raw)

    def records(self) -> list[dict[str, object]]:
        """Return the records; numbers keep every digit."""
        return [exact_json.loads(line.decode()) for line in self.raw]

    def dump(self, record: dict[str, object]) -> bytes:
        """Return a record as JSON; numbers keep every digit."""
        return exact_json.dumps(record, exact=True).encode()


class Make(Protocol):
    """Interface of a function that makes `Samples` from a batch that was read."""

    def __call__(self, first: int, text_key: str, media: MediaSource) -> Samples:
        """Return the samples with the number of the first one, the text key and the media source."""


def read_samples(path: Path, skipped: int, batch_bytes: int, types: FieldTypes | None) -> Iterator[tuple[Make, int]]:
    """Yield the samples after the first `skipped`, a few at a time, with the row at which they end.

    Batches begin and end at the same rows for every value of `skipped`. A file without samples gives one empty batch:
    an export without samples then has its columns. `types` are those of JSON lines (see `observed_types`).
    """
    at = 0
    for make, rows in _lines(path, batch_bytes, types) if path.suffix == ".jsonl" else _tables(path, batch_bytes):
        at += rows
        if at > skipped or not at:
            yield make, at


def observed_types(paths: Iterable[Path]) -> FieldTypes:
    """Return the types over all records of files of JSON lines."""
    return observe(exact_json.loads(line.decode()) for path in paths for line in path.open("rb"))


def _tables(path: Path, batch_bytes: int) -> Iterator[tuple[Make, int]]:
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        if not metadata.num_rows:
            yield partial(TableSamples, batch=without_rows(file.schema_arrow)), 0
        size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        rows = max(1, min(_MAX_ROWS, batch_bytes * metadata.num_rows // max(1, size)))
        for batch in batches_of(file, rows):
            yield partial(TableSamples, batch=batch), len(batch)


def _lines(path: Path, batch_bytes: int, types: FieldTypes | None) -> Iterator[tuple[Make, int]]:
    if not path.stat().st_size:
        yield partial(LineSamples, raw=(), types=types), 0
    with path.open("rb") as file:
        # at least one line, and more up to the number of bytes
        while raw := file.readlines(max(1, batch_bytes)):
            for at in range(0, len(raw), _MAX_ROWS):
                part = raw[at : at + _MAX_ROWS]
                yield partial(LineSamples, raw=part, types=types), len(part)
