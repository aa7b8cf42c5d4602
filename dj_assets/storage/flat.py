"""The files of a `dj-assets run` output folder: one file a kind, whatever the number of shards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from dj_assets.storage.database import export_table
from dj_assets.storage.shards import ParquetShard


def write_flat(target: Path, database: Path, cleaned: Sequence[Path]) -> None:
    """Write `stats`, `cleaned`, `dropped` and `quarantine` as one Parquet file each."""
    for table in ("stats", "dropped", "quarantine"):
        export_table(database, table, target / f"{table}.parquet")
    join_parquet(cleaned, target / "cleaned.parquet")


def join_parquet(parts: Sequence[Path], target: Path) -> None:
    """Join Parquet files of one schema, batch by batch; a single one is linked, not copied."""
    if len(parts) == 1:
        try:
            os.link(parts[0], target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(parts[0], target)
        return
    with ParquetShard(target, pq.read_schema(parts[0])) as writer:
        for part in parts:
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches():
                    writer.write(batch)
