"""The content of a pool, and its file for a command."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq

from dj_assets.home.layout import part_name
from dj_assets.home.manifest import stored_manifest
from dj_assets.home.writing import write_refined
from dj_assets.operators.base import Mapper
from dj_assets.operators.sql import Sql
from dj_assets.publish.database import reading
from dj_assets.publish.release import merged_types
from dj_assets.recipe.plan import digest
from dj_assets.sandbox.pools import Pool
from dj_assets.subset.measured_run import MeasuredRun

Format = Literal["jsonl", "parquet", "ids"]


@dataclass(frozen=True)
class PoolContents:
    """The samples of a pool: shard and row of each, in order, and a hash of their content."""

    pool: Pool
    shard: np.ndarray
    row: np.ndarray
    content: str

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, run: MeasuredRun, pool: Pool) -> PoolContents:
        """Read the samples of a pool from the database of a run.

        The hash covers the samples, the files that they are from, the mappers that rewrote them and the number of
        repetitions: neither thresholds nor further statistics change it.
        """
        with reading(run.layout.database) as connection:
            shard, row = pool.positions(connection)
        return cls(pool, shard, row, _content(run, pool, shard, row))

    def write(self, run: MeasuredRun, target: Path, format: Format) -> None:
        """Write the samples with their repetitions: one file of lines, or for Parquet a folder of parts.

        The write is atomic: the target is complete or does not exist.
        """
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        if format == "ids":
            self._write_ids(run, temporary / "ids")
        else:
            self._write_samples(run, temporary, format)
        parts = sorted(temporary.iterdir())
        if format == "parquet":
            for again in range(1, self.pool.repeat):
                for part in parts:
                    shutil.copyfile(part, temporary / f"again-{again:02d}-{part.name}")
            temporary.rename(target)
            return
        joined = temporary / "joined"
        with joined.open("wb") as file:
            for part in parts * self.pool.repeat:
                with part.open("rb") as lines:
                    shutil.copyfileobj(lines, file)
        joined.rename(target)
        shutil.rmtree(temporary)

    def _write_samples(self, run: MeasuredRun, folder: Path, format: Literal["jsonl", "parquet"]) -> None:
        layout = run.layout
        manifests = [file for n in self._numbers() if (file := stored_manifest(layout, n)) is not None]
        types = merged_types(manifests)
        for file in manifests:
            cleaned = layout.fetched("cleaned", file.number)
            rows = pq.read_table(cleaned, columns=["row"]).column(0).to_numpy()
            write_refined(
                folder / part_name(file.number, "" if format == "jsonl" else ".parquet"),
                cleaned,
                layout.fetched("fields", file.number),
                np.isin(rows, self.row[self.shard == file.number]),
                types=types,
                text_key=run.plan.recipe.text_key,
                format=format,
            )

    def _write_ids(self, run: MeasuredRun, target: Path) -> None:
        query = "SELECT id FROM stats SEMI JOIN ({members}) USING (shard, row) ORDER BY shard, row"
        with reading(run.layout.database) as connection, target.open("w", encoding="utf-8") as file:
            ids = Sql.of(query, members=self.pool.members()).execute(connection).fetchnumpy()["id"]
            file.writelines(f"{name}\n" for name in ids)

    def _numbers(self) -> Iterator[int]:
        yield from (int(number) for number in np.unique(self.shard))


def _content(run: MeasuredRun, pool: Pool, shard: np.ndarray, row: np.ndarray) -> str:
    members = hashlib.sha256(shard.astype("<i8").tobytes() + row.astype("<i8").tobytes()).hexdigest()
    rewriting = [step.identity for step in run.plan.steps if isinstance(step.operator, Mapper)]
    used = set(np.unique(shard).tolist())
    files: list[object] = [
        # frequent lines of a corpus rewrite samples, too, and only the measure key identifies them
        [file.sha256, file.measure_key if run.plan.corpus_mappers else ""]
        for file in run.manifest.files
        if file.number in used
    ]
    return digest([members, rewriting, files, run.plan.recipe.text_key, pool.repeat])
