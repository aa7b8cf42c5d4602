from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.errors import SourceError
from dj_assets.sources.blocks import Parsed
from dj_assets.sources.readers import Reader, parse
from dj_assets.sources.sources import SourceFile
from tests.sources.reading import read, read_all, write


def read_table(folder: Path, table: pa.Table, block_bytes: int = 1 << 20) -> Parsed:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return read_all(folder, "a.parquet", sink.getvalue(), block_bytes=block_bytes)


def invalid(kind: pa.DataType) -> pa.Array:
    """Return `["a", <invalid UTF-8>, "b"]`."""
    raw = pa.array([b"a", b"\xff", b"b"], pa.large_binary() if kind == pa.large_string() else pa.binary())
    return pa.Array.from_buffers(kind, 3, raw.buffers())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_invalid_text_is_quarantined(tmp_path: Path, kind: pa.DataType) -> None:
    text = invalid(kind) if kind in (pa.string(), pa.large_string()) else pa.array([b"a", b"\xff", b"b"], kind)
    parsed = read_table(tmp_path, pa.table({"n": [1, 2, 3], "text": text}))
    assert parsed.rows["text"].to_pylist() == ["a", "b"]
    assert parsed.rows["row"].to_pylist() == [0, 2]
    assert [(reject.row, reject.error) for reject in parsed.rejects] == [(1, "invalid UTF-8 in column 'text' at row 1")]


def test_invalid_strings_elsewhere_are_quarantined(tmp_path: Path) -> None:
    nested = pa.StructArray.from_arrays([invalid(pa.string())], names=["s"])
    parsed = read_table(tmp_path, pa.table({"text": ["x", "y", "z"], "m": nested}))
    assert parsed.rows["text"].to_pylist() == ["x", "z"]
    assert parsed.rejects[0].error == "invalid UTF-8 in column 'm' at row 1"


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_every_string_type(tmp_path: Path, kind: pa.DataType) -> None:
    text = (
        pa.array(["a", None, "b"]).cast(kind)
        if not pa.types.is_dictionary(kind)
        else pa.array(["a", None, "b"]).dictionary_encode()
    )
    parsed = read_table(tmp_path, pa.table({"text": text}))
    assert parsed.rows["text"].type == pa.string()
    assert parsed.rows["text"].to_pylist() == ["a", "b"]
    assert [(reject.row, reject.dropped, reject.error) for reject in parsed.rejects] == [(1, True, "no text")]


def test_a_column_of_nulls_has_no_text(tmp_path: Path) -> None:
    parsed = read_table(tmp_path, pa.table({"text": pa.nulls(2)}))
    assert [reject.error for reject in parsed.rejects] == ["no text", "no text"]


def test_a_column_that_is_no_text_is_quarantined(tmp_path: Path) -> None:
    parsed = read_table(tmp_path, pa.table({"text": [1, 2], "id": ["x", None]}))
    assert parsed.rows.num_rows == 0
    assert [(reject.id, reject.dropped, reject.error) for reject in parsed.rejects] == [
        ("x", False, "the text is of type int64, not a string, at row 0"),
        ("a.parquet:1", False, "the text is of type int64, not a string, at row 1"),
    ]


@pytest.mark.parametrize("far", [datetime(1, 1, 1), datetime(9999, 12, 31)])
def test_old_times_of_spark_keep_their_value(tmp_path: Path, far: datetime) -> None:
    near = datetime(2020, 1, 1, 0, 0, 0, 1)
    for times, unit in (([near, None], "ns"), ([near, far], "us")):
        columns = {"text": ["a", "b"], "t": pa.array([near, None], pa.timestamp("us"))}
        table = pa.table(columns | {"m": pa.array([[{"t": time}] for time in times])})
        pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
        (parsed,) = read(SourceFile.at(tmp_path / "a.parquet"))
        fields = parsed.rows["fields"]
        assert fields.type.field("t").type == pa.timestamp(unit)
        assert fields.field("m").cast(pa.list_(pa.struct([("t", pa.timestamp("us"))]))).to_pylist() == [
            [{"t": time}] for time in times
        ]


@pytest.mark.parametrize(
    ("ids", "strings"),
    [
        (pa.array([5, None]), ["5", "a.parquet:1"]),
        (pa.array([1.5, 2.0]), ["1.5", "2"]),
        (pa.array([1, None], pa.timestamp("us", "Z")), ["1970-01-01 00:00:00.000001Z", "a.parquet:1"]),
        (pa.array(["x", ""]), ["x", ""]),
        (pa.array([[1], None]), ["[1]", "a.parquet:1"]),
    ],
)
def test_ids_are_strings(tmp_path: Path, ids: pa.Array, strings: list[str]) -> None:
    assert read_table(tmp_path, pa.table({"text": ["a", "b"], "id": ids})).rows["id"].to_pylist() == strings


def test_the_text_leaves_a_column_of_nulls_at_its_place(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([1], pa.int8()), "text": ["x"], "b": pa.array([None], pa.float32())})
    kind = read_table(tmp_path, table).rows["fields"].type
    assert [(field.name, field.type) for field in kind] == [("a", pa.int8()), ("text", pa.null()), ("b", pa.float32())]


def test_a_missing_column_is_marked(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"content": ["a"], "n": [1]}), sink)
    (block,) = read(write(tmp_path, "a.parquet", sink.getvalue()))
    assert block.missing_key == ("content", "n")
    assert [(reject.dropped, reject.error) for reject in block.rejects] == [(True, "no key 'text'")]


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="two columns are named 'a'"):
        read_table(tmp_path, pa.Table.from_arrays([pa.array(["x"])] * 3, names=["text", "a", "a"]))


def test_a_row_much_larger_than_the_others_does_not_drag_them_along(tmp_path: Path) -> None:
    texts = ["x"] * 1000 + ["y" * 1_000_000] + ["z"] * 1000
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), sink)
    blocks = read(write(tmp_path, "a.parquet", sink.getvalue()), block_bytes=10_000)
    assert [text for block in blocks for text in block.rows["text"].to_pylist()] == texts
    assert max(block.rows.num_rows for block in blocks if block.rows.nbytes > 500_000) < 50


def test_values_of_dictionaries_count_in_every_row(tmp_path):
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array(["x" * 1_000_000]))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": range(5000), "text": values}), path)
    blocks = Reader(SourceFile.at(path), 0, block_bytes=4_000_000).blocks()
    parsed = [parse(block, text_key="text", name="a.parquet") for block, _ in zip(blocks, range(3), strict=False)]
    assert all(0 < block.rows.num_rows <= 8 for block in parsed)
