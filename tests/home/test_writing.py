from __future__ import annotations

import base64
import datetime
import decimal
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.home.writing import ParquetFileWriter, replace_atomically, write_refined
from dj_assets.sources.blocks import Parsed
from tests.sources.reading import read_all


def store(folder: Path, parsed: Parsed, row_group_rows: int = 1000) -> tuple[Path, Path]:
    """Write the two measured files that refining reads, texts in upper case; break their row groups differently."""
    rows = parsed.rows
    cleaned, fields = folder / "cleaned.parquet", folder / "fields.parquet"
    text = pa.compute.utf8_upper(rows["text"])
    shard = pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows)
    columns = {"shard": shard, "row": rows["row"], "id": rows["id"], "text": text}
    pq.write_table(pa.table(columns), cleaned, row_group_size=row_group_rows)
    pq.write_table(pa.table({"row": rows["row"], "fields": rows["fields"]}), fields, row_group_size=row_group_rows + 1)
    return cleaned, fields


def refine(folder: Path, parsed: Parsed, keep: list[bool], format_: str, text_key: str = "text") -> Path:
    cleaned, fields = store(folder, parsed, row_group_rows=2)
    target = folder / f"refined.{format_}"
    count = write_refined(
        target, cleaned, fields, np.array(keep, bool), types=parsed.field_types, text_key=text_key, format=format_
    )
    assert count == sum(keep)
    return target


LINES = (
    b'{"b":1,"text":"one","meta":{"x":123456789012345678901234567890}}\n'
    b'{"text":"two","id":7,"n":NaN}\n'
    b'{"text":"three","id":null,"b":2.5}\n'
    b'{"id":"own","text":"four","meta":[1]}\n'
    b'{"text":"five"}'
)


def test_json_lines_are_the_records_as_they_were(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.jsonl", LINES)
    target = refine(tmp_path, parsed, [True, True, True, True, False], "jsonl")
    assert target.read_text().splitlines() == [
        '{"__dj_id__":"a.jsonl:0","b":1,"text":"ONE","meta":{"x":123456789012345678901234567890}}',
        '{"text":"TWO","id":7,"n":NaN}',
        '{"text":"THREE","id":null,"b":2.5}',
        '{"id":"own","text":"FOUR","meta":[1]}',
    ]


def test_parquet_has_the_columns_of_all_records(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.jsonl", LINES)
    table = pq.read_table(refine(tmp_path, parsed, [True, False, True, True, True], "parquet"))
    assert table.schema.names == ["__dj_id__", "b", "text", "meta", "id", "n"]
    assert table.to_pylist()[:2] == [
        {
            "__dj_id__": "a.jsonl:0",
            "b": 1.0,
            "text": "ONE",
            "meta": '{"x":123456789012345678901234567890}',
            "id": None,
            "n": None,
        },
        {"__dj_id__": "a.jsonl:2", "b": 2.5, "text": "THREE", "meta": None, "id": None, "n": None},
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("format_", ["parquet", "jsonl"])
def test_nothing_kept_is_a_valid_file(tmp_path: Path, name: str, format_: str) -> None:
    parsed = read_all(tmp_path, name, LINES if name == "a.jsonl" else b"n,text\n1,a\n2,b\n3,c\n4,d\n5,e\n")
    target = refine(tmp_path, parsed, [False] * 5, format_)
    if format_ == "jsonl":
        assert target.read_bytes() == b""
    else:
        everything = pq.read_schema(refine(tmp_path, parsed, [True] * 5, format_))
        nothing = pq.read_table(refine(tmp_path, parsed, [False] * 5, format_))
        assert (nothing.num_rows, nothing.schema) == (0, everything)


WHEN = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)
TYPES = {
    "ns": pa.array([1_709_209_815_123_456_789, None, 0], pa.timestamp("ns", tz="UTC")),
    "us": pa.array([WHEN, WHEN, None], pa.timestamp("us")),
    "day": pa.array([WHEN.date(), None, WHEN.date()], pa.date32()),
    "price": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-3.00")], pa.decimal128(10, 2)),
    "small": pa.array([1, None, 3], pa.int8()),
    "big": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "half": pa.array([0.5, None, float("nan")], pa.float32()),
    "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "kind": pa.array(["x", None, "x"]).dictionary_encode(),
    "list": pa.array([[WHEN, None], None, []], pa.list_(pa.timestamp("us"))),
    "deep": pa.array(
        [{"a": [{"b": decimal.Decimal("1.5")}]}, None, {"a": None}],
        pa.struct([("a", pa.list_(pa.struct([("b", pa.decimal128(5, 1))])))]),
    ),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
}


def typed(folder: Path) -> tuple[pa.Table, Parsed]:
    table = pa.table({**TYPES, "text": ["a", "b", "c"], "flag": [True, None, False]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return table, read_all(folder, "a.parquet", sink.getvalue(), block_bytes=1)


def test_parquet_types_come_back_as_they_were(tmp_path: Path) -> None:
    table, parsed = typed(tmp_path)
    found = pq.read_table(refine(tmp_path, parsed, [True, False, True], "parquet"))
    assert found.schema.names == ["__dj_id__", *table.schema.names]
    for name in table.schema.names:
        if name != "text":
            assert found.schema.field(name).type == table.schema.field(name).type
            assert str(found[name].to_pylist() if name != "ns" else found[name]) == str(
                table[name].take([0, 2]).to_pylist() if name != "ns" else table[name].take([0, 2])
            )
    assert found["text"].to_pylist() == ["A", "C"]


def test_parquet_types_as_json_lines(tmp_path: Path) -> None:
    _, parsed = typed(tmp_path)
    first, second, third = map(json.loads, refine(tmp_path, parsed, [True] * 3, "jsonl").read_text().splitlines())
    assert list(first)[:3] == ["__dj_id__", "ns", "us"]
    assert first["ns"].startswith("2024-02-29 12:30:15.123456789")
    assert (first["price"], first["big"], first["text"]) == ("1.10", 2**64 - 1, "A")
    assert base64.b64decode(first["raw"]) == b"\x00\xff"
    assert first["list"] == ["2024-02-29 12:30:15.123456", None]
    assert first["deep"] == {"a": [{"b": "1.5"}]}
    assert {name for name, value in second.items() if value is None} == {*TYPES, "flag"} - {"us", "big"}
    assert (third["half"], third["list"], third["deep"]) == (None, [], {"a": None})


def test_a_nested_text_goes_back(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.jsonl", b'{"m":{"t":"x","k":1}}', text_key="m.t")
    target = refine(tmp_path, parsed, [True], "jsonl", text_key="m.t")
    assert json.loads(target.read_text()) == {"__dj_id__": "a.jsonl:0", "m": {"t": "X", "k": 1}}


def test_files_that_do_not_match_are_refused(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.jsonl", LINES)
    with pytest.raises(ValueError, match="5 rows, but 5 fields, 4 marks"):
        refine(tmp_path, parsed, [True] * 4, "parquet")
    cleaned, fields = store(tmp_path, parsed)
    moved = pq.read_table(fields)
    pq.write_table(moved.set_column(0, "row", pa.array([0, 1, 2, 4, 3])), fields)
    with pytest.raises(ValueError, match="row numbers differ"):
        write_refined(
            tmp_path / "x.jsonl",
            cleaned,
            fields,
            np.ones(5, bool),
            types=parsed.field_types,
            text_key="text",
            format="jsonl",
        )
    assert not (tmp_path / "x.jsonl").exists()


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "00001.parquet"
    schema = pa.schema([("a", pa.int64())])
    with ParquetFileWriter(path, schema) as writer:
        writer.write(pa.record_batch({"a": [1]}))
        assert not path.exists()
    with pytest.raises(RuntimeError), ParquetFileWriter(path, schema) as writer:
        writer.write(pa.record_batch({"a": [2]}))
        raise RuntimeError
    assert pq.read_table(path).to_pydict() == {"a": [1]}
    with pytest.raises(pa.ArrowInvalid), ParquetFileWriter(path, schema) as writer:
        writer.write(pa.record_batch({"b": ["x"]}))
    assert pq.read_table(path).to_pydict() == {"a": [1]}
    assert list(path.parent.iterdir()) == [path]


def test_a_shard_is_zstd_with_bounded_row_groups_and_no_dictionary_for_floats(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    batch = pa.record_batch({"ratio": [0.5] * 50_000, "word": ["w" * 300] * 50_000})
    with ParquetFileWriter(path, batch.schema) as writer:
        for _ in range(4):
            writer.write(batch)
    metadata = pq.read_metadata(path)
    assert (writer.rows, metadata.num_rows) == (200_000, 200_000)
    assert 1 < metadata.num_row_groups <= 4
    ratio, word = metadata.row_group(0).column(0), metadata.row_group(0).column(1)
    assert ratio.compression == word.compression == "ZSTD"
    assert not ratio.has_dictionary_page
    assert word.has_dictionary_page


def test_a_shard_without_rows_has_its_schema(tmp_path: Path) -> None:
    schema = pa.schema([("fields", pa.struct([("text", pa.null())]))])
    with ParquetFileWriter(tmp_path / "a.parquet", schema):
        pass
    assert pq.read_schema(tmp_path / "a.parquet") == schema


def test_a_file_is_replaced_only_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with replace_atomically(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), replace_atomically(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with replace_atomically(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
