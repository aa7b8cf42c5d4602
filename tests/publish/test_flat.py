from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.home import writing
from dj_assets.publish.flat import join_parquet


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
