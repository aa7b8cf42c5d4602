from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.home.layout import Layout
from dj_assets.home.writing import ParquetFileWriter
from dj_assets.measure.measure_file import MeasuredFiles


def blocks(layout: Layout) -> list[dict[str, pa.RecordBatch]]:
    return [
        {kind: pa.record_batch({"row": [number], kind: ["x" * number]}) for kind in layout.kinds} for number in (1, 2)
    ]


def written(layout: Layout, *, in_threads: bool) -> dict[str, bytes]:
    with MeasuredFiles(layout, 0, in_threads=in_threads) as files:
        for tables in blocks(layout):
            files.write(tables)
        files.close()
    return {kind: layout.measured(kind, 0).read_bytes() for kind in layout.kinds}


def test_threads_write_the_same_files(tmp_path: Path) -> None:
    layout = Layout.home(tmp_path / "beside")
    files = written(layout, in_threads=True)
    assert files == written(Layout.home(tmp_path / "alone"), in_threads=False)
    assert pq.read_table(layout.measured("stats", 0))["row"].to_pylist() == [1, 2]


@pytest.mark.parametrize("method", ["write", "flush"])
def test_an_error_of_a_thread_ends_the_run_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ParquetFileWriter, method, full)
    layout = Layout.home(tmp_path)
    with pytest.raises(OSError, match="No space"):
        written(layout, in_threads=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
