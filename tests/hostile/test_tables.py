"""Parquet files of a few bytes that hold gigabytes: bounded memory, one quarantined row, or one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.sources.sources import SourceFile
from dj_assets.subset import run_recipe
from tests.sources.reading import read, together

READ = """
import json, sys
from itertools import islice
from pathlib import Path
from dj_assets.errors import SourceError
from dj_assets.system import peak_rss_mb
from dj_assets.sources import tables
from dj_assets.sources.readers import Reader
from dj_assets.sources.sources import SourceFile
tables.MOST_BYTES = int(sys.argv[2])
rows, error = 0, ""
try:
    for block in islice(Reader(SourceFile.at(Path(sys.argv[1])), 0).blocks(), 40):
        rows += block.payload.num_rows
except SourceError as raised:
    error = str(raised)
print(json.dumps([rows, error, peak_rss_mb()]))
"""
# the usual allocator reserves a gigabyte before it is needed
ALLOCATOR = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}


def read_alone(path: Path, most_bytes: int) -> tuple[int, str, float]:
    """Return the rows of the first 40 blocks, the error, and the peak memory in MB of a process that reads them."""
    command = [sys.executable, "-c", READ, str(path), str(most_bytes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=ALLOCATOR)
    rows, error, peak_mb = json.loads(done.stdout)
    return rows, error, peak_mb


def test_equal_values_are_not_all_unpacked_at_once(tmp_path: Path) -> None:
    """A dictionary of one text and 65,536 rows that name it: a few hundred bytes, 16 GB of text."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 65536, pa.int32()), pa.array(["x" * (1 << 18)]))
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet", store_schema=False, compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 1000
    rows, error, peak_mb = read_alone(tmp_path / "a.parquet", most_bytes=300 << 20)
    assert not error
    assert rows >= 600
    assert peak_mb < 700


def test_a_page_that_takes_too_much_memory_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["first", "y" * (150 << 20)]})
    pq.write_table(table, path, row_group_size=1, compression="zstd", use_dictionary=False, write_statistics=False)
    rows, error, peak_mb = read_alone(path, most_bytes=120 << 20)
    assert rows == 1
    assert error.startswith(f"{path}: row 1 takes more than 12")
    assert error.endswith("bytes of memory to be read; write it again, with fewer or smaller rows in a page")
    assert peak_mb < 500


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_row_that_is_too_large_is_quarantined_alone(tmp_path: Path, kind: pa.DataType) -> None:
    texts = pa.array(["first", "x" * 2000, "third"]).cast(kind)
    pq.write_table(pa.table({"id": ["a", "b", "c"], "text": texts}), tmp_path / "a.parquet")
    found = together(read(SourceFile.at(tmp_path / "a.parquet"), max_line_bytes=1000))
    assert found.rows["id"].to_pylist() == ["a", "c"]
    assert found.rows["row"].to_pylist() == [0, 2]
    [reject] = found.rejects
    assert (reject.row, reject.id, reject.dropped) == (1, "a.parquet:1", False)
    assert "more than the 1000 allowed (DJ_MAX_RECORD_MB), at row 1" in reject.error


def test_a_run_keeps_the_other_rows_of_joined_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJ_MAX_RECORD_MB", "1")
    files = []
    for number in range(120):
        text = "x" * (2 << 20) if number == 60 else f"text {number}"
        files.append(tmp_path / f"part-{number}.parquet")
        pq.write_table(pa.table({"text": [text, f"second {number}"], "n": [number, -number]}), files[-1])
    result = run_recipe({"process": ["document_deduplicator"]}, files, tmp_path / "out", workers=1)
    assert (result.samples_in, result.samples_out, result.quarantined) == (240, 239, 1)
    [row] = pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()
    assert row["id"] == "part-60.parquet:0"
    numbers = pq.read_table(tmp_path / "out/refined")["n"].to_pylist()
    assert sorted(numbers) == sorted([n for n in range(120) if n != 60] + [-n for n in range(120)])
