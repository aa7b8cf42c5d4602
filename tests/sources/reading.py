"""Writing small sources and reading them back, for the tests beside this file."""

from __future__ import annotations

import gzip
from functools import partial, reduce
from pathlib import Path

import pyarrow as pa
import zstandard

from dj_assets.sources.blocks import Parsed
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.readers import Reader, parse
from dj_assets.sources.sources import SourceFile

PACK = {
    "": lambda data: data,
    # without the time: parameters of tests must be the same in every process
    ".gz": partial(gzip.compress, mtime=0),
    ".zst": zstandard.ZstdCompressor().compress,
}


def write(folder: Path, name: str, content: bytes) -> SourceFile:
    """Write `content` as the file `name`, compressed as its ending says."""
    ending = next((ending for ending in (".gz", ".zst") if name.endswith(ending)), "")
    path = folder / name
    path.write_bytes(PACK[ending](content))
    return SourceFile.at(path)


def read(
    file: SourceFile,
    *,
    text_key: str = "text",
    block_bytes: int = 1 << 20,
    max_line_bytes: int = 1 << 20,
    limit: int | None = None,
) -> list[Parsed]:
    """Read and parse a whole file, block by block."""
    reader = Reader(file, 0, block_bytes, max_line_bytes, limit)
    return [parse(block, text_key=text_key, name=file.path.name) for block in reader.blocks()]


def together(blocks: list[Parsed]) -> Parsed:
    """Join the parsed blocks of one file."""
    rows = pa.Table.from_batches([block.rows for block in blocks]).combine_chunks().to_batches()
    batch = rows[0] if rows else blocks[0].rows
    rejects = [reject for block in blocks for reject in block.rejects]
    return Parsed(batch, rejects, reduce(ColumnTypes.merge, (block.field_types for block in blocks), ColumnTypes()))


def read_all(folder: Path, name: str, content: bytes, **options: object) -> Parsed:
    """Write, read and join."""
    return together(read(write(folder, name, content), **options))
