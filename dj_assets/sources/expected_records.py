"""Estimate how many records files have, from their beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from dj_assets import settings
from dj_assets.sources.readers import Reader, parse, records_in
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.tables import table_rows

# The files whose first block is read; the others are taken to be like these.
_READ = 5
# Formats whose footer has the number of rows.
_COUNTED = {"parquet", "orc", "lance"}
_MOST_ROWS = 1 << 62


@dataclass(frozen=True)
class ExpectedRecords:
    """Hold about how many records there are, and the mean length of their texts in bytes of UTF-8.

    `exact` is true if the records were counted.
    """

    records: int
    text_bytes: float
    exact: bool


def expected_records(files: Sequence[SourceFile], text_key: str, limit: int | None = None) -> ExpectedRecords:
    """Return about how many records files have, of which at most `limit` are read.

    Parquet, ORC and Lance name their number of rows. Of up to five other files, the first 4 MB are read.

    Raises
    ------
    UnreadableFileError
        If a file cannot be read.
    """
    rows = samples = text = seen_bytes = left_bytes = 0
    exact, tried = True, 0
    for file in files:
        is_table = file.format in _COUNTED
        if is_table:
            rows += table_rows(file, _MOST_ROWS)
        if tried == _READ:
            left_bytes += 0 if is_table else file.size
            continue
        tried += 1
        for block in islice(Reader(file, 0, settings.BATCH_BYTES, settings.max_record_bytes()).blocks(), 1):
            parsed = parse(block, text_key=file.reading.text_key or text_key, name=file.path.name).rows
            samples += len(parsed)
            text += sum(
                map(len, (value.encode("utf-8", "surrogatepass") for value in parsed.column("text").to_pylist()))
            )
            if not is_table:
                rows += records_in(block)
                seen_bytes += min(block.file_bytes, file.size)
                left_bytes += max(0, file.size - block.file_bytes)
    if left_bytes and seen_bytes:
        rows += round(rows * left_bytes / seen_bytes)
        exact = False
    return ExpectedRecords(rows if limit is None else min(rows, limit), text / samples if samples else 0.0, exact)
