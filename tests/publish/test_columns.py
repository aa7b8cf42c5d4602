"""Columns of tables come back as they were: names, order, types, metadata, values; files that differ are unified."""

from __future__ import annotations

import decimal
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from dj_assets.home.home import output_layout
from dj_assets.home.writing import open_parquet
from dj_assets.publish.export.export import Export
from dj_assets.sources.arrow_types import in_type, with_inner
from dj_assets.sources.column_types import TableTypes, plain
from dj_assets.subset import run_recipe

NAME = "__dj_id__"
RECIPE = {"process": [{"text_length_filter": {"min_len": 1}}]}
# Schemas that the property is tried with.
SCHEMAS = 40

SCALARS = [
    pa.null(),
    pa.bool_(),
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64()),
    *(pa.decimal32(5, 2), pa.decimal64(12, 3), pa.decimal128(30, 3), pa.decimal256(60, 5)),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
    pa.binary(16),
    *(pa.date32(), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    *(pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin")),
    *(pa.duration("s"), pa.duration("us")),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.binary(), ordered=True),
    *(pa.uuid(), pa.json_(), pa.bool8(), pa.opaque(pa.int32(), "kind", "vendor")),
    pa.fixed_shape_tensor(pa.float32(), [2]),
]


def _nested(inner: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    names = st.lists(st.sampled_from(["a", "b", "ü", "a.b"]), min_size=1, max_size=3, unique=True)
    return st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        inner.map(pa.list_view),
        inner.map(lambda kind: pa.list_(kind, 2)),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
        st.builds(lambda keys, kind: pa.struct([(key, kind) for key in keys]), names, inner),
    )


TYPES = st.recursive(st.sampled_from(SCALARS), _nested, max_leaves=3)
FIELDS = st.builds(
    lambda kind, nullable, note: pa.field("", kind, nullable or pa.types.is_null(kind), note),
    TYPES,
    st.booleans(),
    st.sampled_from([None, {"note": "of a field"}]),
)
NAMES = st.lists(
    st.sampled_from(["id", "x", "row", "shard", "fields", "meta.text", "Ü", " ", "", "text2", NAME + "2"]), unique=True
)


def array_of(kind: pa.DataType, seed: int, nullable: bool, rows: int = 5) -> pa.Array:
    """Return values of any type; with nulls if allowed. Values are casts of small numbers."""
    stored = _storage(kind)
    values = [None if nullable and n == 1 else _value(kind, seed + n) for n in range(rows)]
    return in_type(pa.array(values, stored), kind)


def _storage(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    return with_inner(kind, lambda field: field.with_type(_storage(field.type)))


def _value(kind: pa.DataType, n: int) -> Any:
    if isinstance(kind, pa.BaseExtensionType):
        return _value(kind.storage_type, n)
    if pa.types.is_dictionary(kind):
        return _value(kind.value_type, n % 2)
    if pa.types.is_struct(kind):
        return {field.name: _value(field.type, n) for field in kind}
    if pa.types.is_map(kind):
        return [(f"k{n}", _value(kind.item_type, n))]
    if hasattr(kind, "value_field"):
        return [_value(kind.value_type, n + i) for i in range(2)]
    if pa.types.is_null(kind):
        return None
    if pa.types.is_fixed_size_binary(kind):
        return bytes([128 + n % 100] * kind.byte_width)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if any(test(kind) for test in texts):
        return f"{n} of {'a longer text ' * (n % 2)}"
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if any(test(kind) for test in binary):
        return b"\xff" * (n % 20)
    if pa.types.is_temporal(kind):
        return pa.scalar(n, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind).as_py()
    if pa.types.is_decimal(kind):
        return decimal.Decimal(n % 2)
    if pa.types.is_boolean(kind):
        return bool(n % 2)
    return n


@st.composite
def row_groups(draw: st.DrawFn) -> list[pa.Table]:
    """Return two tables of one schema."""
    names = draw(NAMES)
    fields = [draw(FIELDS).with_name(name) for name in names]
    text = pa.field("text", draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view()])))
    fields.insert(draw(st.integers(0, len(fields))), text)
    schema = pa.schema(fields, metadata=draw(st.sampled_from([None, {"writer": "a test"}])))
    return [
        pa.table([_column(field, start, rows) for field in fields], schema=schema) for start, rows in ((0, 3), (3, 2))
    ]


def _column(field: pa.Field, start: int, rows: int) -> pa.Array:
    if field.name == "text":
        return pa.array([f"text {start + n}" for n in range(rows)], field.type)
    return array_of(field.type, start, field.nullable, rows)


def refined(folder: Path, inputs: list[Path], **options: Any) -> list[pa.Table]:
    """Run a recipe that keeps all; return the refined tables."""
    result = run_recipe(RECIPE, inputs, folder / "out", workers=1, **options)
    assert (result.samples_out, result.dropped, result.quarantined) == (result.samples_in, 0, 0)
    return [read(part) for part in result.refined]


def read(path: Path) -> pa.Table:
    """Return a file; pyarrow reads dictionaries inside of lists from one row group at a time."""
    with pq.ParquetFile(path) as file:
        groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
        return pa.concat_tables(groups) if groups else file.read()


def require_same(before: pa.Table, after: pa.Table) -> None:
    assert after.column_names == [NAME, *before.column_names]
    own = after.drop_columns([NAME])
    assert own.schema.equals(before.schema, check_metadata=True), f"{own.schema}\n{before.schema}"
    for name in before.column_names:
        # list views compare by their offsets, and NaN is not equal to itself
        assert str(own[name].to_pylist()) == str(before[name].to_pylist())


@settings(max_examples=SCHEMAS, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(row_groups())
def test_any_schema_comes_back(groups):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with open_parquet(folder / "a.parquet", groups[0].schema) as writer:
            for group in groups:
                writer.write_table(pa.Table.from_batches([plain(rows) for rows in group.to_batches()]))
        # Parquet stores some types in another form: what its reader gives is the source
        (after,) = refined(folder, [folder / "a.parquet"])
        require_same(read(folder / "a.parquet"), after)


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_every_type_goes_through_a_run_and_an_export(tmp_path, format):
    kinds = {f"c{n}": kind for n, kind in enumerate(SCALARS)}
    table = pa.table({"text": [f"text {n}" for n in range(5)]} | {k: array_of(v, 3, True) for k, v in kinds.items()})
    pq.write_table(table, tmp_path / "a.parquet")
    source = pq.read_table(tmp_path / "a.parquet")
    result = run_recipe(RECIPE, [tmp_path / "a.parquet"], tmp_path / "out", workers=1, format=format)
    assert result.samples_out == 5
    if format == "parquet":
        require_same(source, pq.read_table(result.refined[0]))
    for kind in ("parquet", "jsonl", "webdataset"):
        assert Export(output_layout(tmp_path / "out"), tmp_path / kind, kind).run().samples == 5
    if format == "parquet":
        require_same(source, pq.read_table(tmp_path / "parquet/part-00000.parquet"))


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (pa.array([7, None]), ["7", "a.parquet:1"]),
        (pa.array([1.5, None]), ["1.5", "a.parquet:1"]),
        (pa.array([b"\xff\x00", b"own"]), ["ff00", "own"]),
        (pa.array([b"\xff" * 16, None], pa.binary(16)), ["ff" * 16, "a.parquet:1"]),
        (
            pa.array([b"\x01" * 16, None], pa.uuid()),
            ["01010101-0101-0101-0101-010101010101", "a.parquet:1"],
        ),
        (pa.array([{"a": 1}, None]), ['{"a":1}', "a.parquet:1"]),
        (pa.array(["x", None], pa.string_view()), ["x", "a.parquet:1"]),
    ],
)
def test_an_id_of_any_type_stays_and_names_its_sample(tmp_path, ids, names):
    pq.write_table(pa.table({"text": ["one", "two"], "id": ids}), tmp_path / "a.parquet")
    (after,) = refined(tmp_path, [tmp_path / "a.parquet"])
    assert after[NAME].to_pylist() == names
    assert after["id"].combine_chunks().equals(ids)
    stats = pq.read_table(tmp_path / "out/stats.parquet")
    assert (stats.schema.field("id").type, stats["id"].to_pylist()) == (pa.string(), names)


def test_names_of_samples_stay_in_the_next_subset(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "two", "id": 2}\n')
    refined(tmp_path, [tmp_path / "a.jsonl"])
    (again,) = refined(tmp_path / "b", [*(tmp_path / "out/refined").iterdir()])
    assert again.to_pylist() == [{NAME: "a.jsonl:0", "text": "one", "id": None}, {NAME: "2", "text": "two", "id": 2}]


def test_metadata_of_hugging_face_lists_the_columns(tmp_path):
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    content = json.dumps({"info": {"features": features}})
    table = pa.table({"text": ["a", "b"], "label": [0, 1]}).replace_schema_metadata({"huggingface": content})
    pq.write_table(table, tmp_path / "a.parquet")
    (after,) = refined(tmp_path, [tmp_path / "a.parquet"])
    listed = json.loads(after.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(listed) == after.column_names
    assert listed["label"] == features["label"]


def test_files_with_other_columns_are_unified(tmp_path):
    text = pa.array(["a"])
    files = [
        {"text": text, "n": pa.array([1]), "x": pa.array([1]), "y": pa.nulls(1), "s": pa.array([{"a": 1}])},
        {"text": text.cast("large_string"), "n": pa.array([1.5]), "x": pa.array(["one"]), "y": pa.array([b"y"])},
        {"s": pa.array([{"b": "z"}]), "n": pa.array([2], pa.int8()), "text": text, "new": pa.array([[1]])},
    ]
    for number, columns in enumerate(files):
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    (tmp_path / "3.jsonl").write_text('{"text": "a", "n": 4, "x": "json", "more": true}\n')
    (tmp_path / "4.csv").write_text("text,csv\na,b\n")
    parts = refined(tmp_path, sorted(tmp_path.glob("[0-4].*")))
    assert len({str(part.schema) for part in parts}) == 1
    types = {field.name: field.type for field in parts[0].schema}
    assert types["n"] == pa.float64()
    assert types["x"] == pa.string()
    assert types["s"] == pa.struct([("a", pa.int64()), ("b", pa.string())])
    rows = [row for part in parts for row in part.to_pylist()]
    assert [row["n"] for row in rows] == [1.0, 1.5, 2.0, 4.0, None]
    assert [row["x"] for row in rows] == ["1", '"one"', None, '"json"', None]
    assert [row["y"] for row in rows] == [None, b"y", None, None, None]
    assert (rows[3]["more"], rows[4]["csv"], rows[2]["new"]) == (True, "b", [1])
    exported = Export(output_layout(tmp_path / "out"), tmp_path / "e", "parquet").run()
    assert pq.read_table(tmp_path / "e" / exported.parts[0].name).to_pylist() == rows


def test_large_integers_next_to_floats_become_text(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "n": [2**53 + 1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"text": ["b"], "n": [math.pi]}), tmp_path / "1.parquet")
    values = [
        value for part in refined(tmp_path, sorted(tmp_path.glob("*.parquet"))) for value in part["n"].to_pylist()
    ]
    assert values == [str(2**53 + 1), str(math.pi)]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_file_without_rows_has_its_columns(tmp_path, rows):
    table = pa.table({"text": ["a"], "id": pa.array([b"x" * 16], pa.uuid()), "x": pa.array([[1]])})
    pq.write_table(table.slice(0, rows), tmp_path / "a.parquet")
    (after,) = refined(tmp_path, [tmp_path / "a.parquet"])
    require_same(pq.read_table(tmp_path / "a.parquet"), after)


def test_files_of_duckdb_come_back(tmp_path):
    query = """
        SELECT 'text ' || n AS text, uuid() AS id, ('{"n": ' || n || '}')::JSON AS j, n::HUGEINT::DECIMAL(38, 0) AS big,
               [{'a': n, 'b': DATE '2024-02-29'}] AS list, MAP {'k': n} AS map,
               TIMESTAMPTZ '2024-02-29 12:00:00+00' AS t, n::UTINYINT AS small,
               'x'::ENUM ('x', 'y') AS kind, 'ab'::BLOB AS blob
        FROM range(1, 4) t(n)
    """
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(tmp_path / "a.parquet"))
    (after,) = refined(tmp_path, [tmp_path / "a.parquet"])
    require_same(pq.read_table(tmp_path / "a.parquet"), after)


def test_columns_of_a_manifest_are_read_back():
    schema = pa.schema([pa.field("u", pa.uuid(), nullable=False, metadata={"k": "v"})], metadata={"m": "n"})
    types = TableTypes(schema, frozenset({"u"}), frozenset({"x"}))
    again = TableTypes.from_json(json.loads(json.dumps(types.to_json())))
    assert again == types
    assert again.schema.equals(schema, check_metadata=True)


def test_a_text_that_is_a_list_is_quarantined_and_the_run_ends(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["a"], ["b"]], "n": [1, 2]}), tmp_path / "in.parquet")
    result = run_recipe({"process": ["text_length_filter"]}, [tmp_path / "in.parquet"], tmp_path / "out", workers=1)
    assert (result.samples_out, result.quarantined) == (0, 2)
    assert pq.read_table(tmp_path / "out/refined").schema.field("text").type == pa.list_(pa.string())
