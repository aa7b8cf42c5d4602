from __future__ import annotations

import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.home import writing
from dj_assets.publish.flat import by_threads, join_parquet


@pytest.mark.parametrize("sizes", [[50], [50, 0, 30], [1, 200, 1]])
def test_parts_are_joined_in_their_order(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(writing, "_ROW_GROUP_BYTES", 500)
    parts = [tmp_path / f"{number}.parquet" for number in range(len(sizes))]
    tables = [
        pa.table({"row": pa.array(range(size), pa.int32()), "text": pa.array(["x" * 40] * size, pa.string())})
        for size in sizes
    ]
    for part, table in zip(parts, tables, strict=True):
        pq.write_table(table, part, row_group_size=20)
    join_parquet(parts, tmp_path / "all.parquet")
    assert pq.read_table(tmp_path / "all.parquet") == pa.concat_tables(tables)
    if sizes[1:]:
        # no more than the row group that was read is held, whatever the number of parts
        written = pq.read_metadata(tmp_path / "all.parquet")
        assert max(written.row_group(place).num_rows for place in range(written.num_row_groups)) <= 40


def test_pieces_in_threads_keep_their_order_and_stop_at_an_error() -> None:
    barrier = threading.Barrier(2, timeout=60)

    def together(number: int) -> int:
        # nobody passes alone
        barrier.wait()
        return number

    assert by_threads(together, [(number,) for number in range(4)], 2) == [0, 1, 2, 3]
    begun = []

    def failing(number: int) -> None:
        begun.append(number)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        by_threads(failing, [(number,) for number in range(1000)], 2)
    assert len(begun) < 1000
