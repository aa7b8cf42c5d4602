"""Tables of Arrow and ORC, and the folders that the library `datasets` saves."""

from __future__ import annotations

import io
import json
import re
import signal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather, orc

from dj_assets.errors import SourceError, UnreadableFileError
from dj_assets.sources import orc_stripes, tables
from dj_assets.sources.blocks import Parsed
from dj_assets.sources.bundles import bundled
from dj_assets.sources.record_fields import record_fields
from dj_assets.sources.sources import SourceFile, resolve
from tests.sources.reading import PACK, read, together, write

TABLE = pa.table(
    {
        "id": [f"s{number}" for number in range(300)],
        "text": [None if number == 7 else f"text {number}" for number in range(300)],
        "tags": [["a", str(number)] for number in range(300)],
        "meta": [{"n": number} for number in range(300)],
    }
)


def as_file(table: pa.Table, codec: str | None = None) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table, max_chunksize=100)
    return out.getvalue()


def as_stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return out.getvalue()


def as_orc(table: pa.Table) -> bytes:
    out = io.BytesIO()
    orc.write_table(table, out, compression="zstd", stripe_size=1024)
    return out.getvalue()


def as_feather(table: pa.Table) -> bytes:
    out = io.BytesIO()
    feather.write_feather(table, out)
    return out.getvalue()


FORMS = {
    "a.arrow": as_file,
    "b.arrow": as_stream,
    "c.arrow": lambda table: as_file(table, "zstd"),
    "d.feather": as_feather,
    "e.ipc": as_file,
    "f.orc": as_orc,
}


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", FORMS)
def test_rows_become_samples(tmp_path, name, ending):
    file = write(tmp_path, name + ending, FORMS[name](TABLE))
    for block_bytes in (1 << 20, 2000):
        parsed = together(read(file, block_bytes=block_bytes))
        assert parsed.rows["id"].to_pylist() == [f"s{number}" for number in range(300) if number != 7]
        assert parsed.rows["text"].to_pylist() == [f"text {number}" for number in range(300) if number != 7]
        assert [(reject.row, reject.error) for reject in parsed.rejects] == [(7, "no text")]
        fields = parsed.rows["fields"]
        assert fields.type.field("tags").type == pa.list_(pa.string())
        assert fields[0].as_py()["meta"] == {"n": 0}


@pytest.mark.parametrize("name", FORMS)
def test_progress_ends_with_the_size_and_a_limit_cuts(tmp_path, name):
    from dj_assets.sources.readers import Reader, records_in

    file = write(tmp_path, name, FORMS[name](TABLE))
    blocks = [*Reader(file, 0, 2000).blocks()]
    # a stream ends with a mark
    assert file.size - 8 <= blocks[-1].file_bytes <= file.size
    assert [block.file_bytes for block in blocks] == sorted(block.file_bytes for block in blocks)
    assert sum(map(records_in, Reader(file, 0, 2000, limit=120).blocks())) == 120


@pytest.mark.parametrize("name", FORMS)
def test_an_empty_table_has_columns(tmp_path, name):
    (parsed,) = read(write(tmp_path, name, FORMS[name](TABLE.slice(0, 0))))
    assert parsed.rows.num_rows == 0
    assert parsed.field_types.tables.schema.names == ["id", "text", "tags", "meta"]


def test_invalid_utf8_is_quarantined(tmp_path):
    raw = pa.array([b"a", b"\xff", b"b"])
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    for name in ("a.arrow", "b.arrow"):
        parsed = together(read(write(tmp_path, name, FORMS[name](pa.table({"text": text})))))
        assert parsed.rows["text"].to_pylist() == ["a", "b"]
        assert [(reject.row, reject.error) for reject in parsed.rejects] == [
            (1, "invalid UTF-8 in column 'text' at row 1")
        ]


@pytest.mark.parametrize("name", ["a.arrow", "b.arrow", "f.orc"])
def test_a_file_that_breaks_off_is_an_error(tmp_path, name):
    content = FORMS[name](TABLE)
    kind = "ORC" if name == "f.orc" else "Arrow"
    with pytest.raises(UnreadableFileError, match=rf"{name}: no readable {kind} after row \d+ \(.*fetch it again"):
        read(write(tmp_path, name, content[: len(content) * 2 // 3]))


def test_offsets_that_lead_astray_are_an_error(tmp_path):
    table = pa.table({"text": ["x" * 11, "y" * 13, "z" * 17]})
    content = bytearray(as_stream(table))
    offsets = pa.array([0, 11, 24, 41], pa.int32()).buffers()[1].to_pybytes()[:16]
    at = bytes(content).index(offsets)
    content[at : at + 16] = pa.array([0, 2_000_000_000, 24, 41], pa.int32()).buffers()[1].to_pybytes()[:16]
    with pytest.raises(UnreadableFileError, match="no readable Arrow after row 0"):
        read(write(tmp_path, "a.arrow", bytes(content)))


def test_a_batch_that_claims_to_unpack_to_too_much_is_an_error(tmp_path):
    size = (7 << 20).to_bytes(8, "little")
    content = as_file(pa.table({"text": ["x" * (7 << 20)]}), "zstd")
    assert content.count(size) >= 1
    lying = content.replace(size, (1 << 45).to_bytes(8, "little"))
    with pytest.raises(
        UnreadableFileError, match=r"of memory to be read; write it again, with fewer .* rows in a batch"
    ):
        read(write(tmp_path, "a.arrow", lying))


# The library ended the process at some of these bytes, and raised an unknown error at others.
@pytest.mark.parametrize("at", [171, 449, *range(20, 1000, 45)])
def test_a_damaged_stripe_is_an_error(tmp_path, at):
    content = bytearray(as_orc(TABLE.slice(0, 60)))
    content[at : at + 8] = b"\x7f" * 8
    try:
        parsed = together(read(write(tmp_path, "a.orc", bytes(content))))
    except UnreadableFileError as error:
        assert re.search(r"a\.orc: no readable ORC after row 0 \(.+\); fetch it again$", str(error))
    else:
        # ORC has no checksums
        assert parsed.rows.num_rows + len(parsed.rejects) == 60


def test_a_reader_that_dies_is_an_error_and_the_next_file_is_read(tmp_path, monkeypatch):
    good = write(tmp_path, "a.orc", as_orc(TABLE))
    assert read(good)
    reader = orc_stripes._Process.of_this_one()
    reader._process.kill()
    with pytest.raises(UnreadableFileError, match=r"stripe 0 cannot be read: its reader died \(-9\)"):
        read(good)
    assert sum(parsed.rows.num_rows for parsed in read(good)) == 299
    reader._process.send_signal(signal.SIGSTOP)
    reader._line.settimeout(0.2)
    with pytest.raises(UnreadableFileError, match="no end after 300 s"):
        read(good)


def test_a_stripe_that_unpacks_to_too_much_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 8 << 20)
    content = as_orc(pa.table({"text": ["y" * (30 << 20)]}))
    assert len(content) < 200_000
    with pytest.raises(UnreadableFileError, match=r"bytes of memory to be read; write it again, .* rows in a stripe"):
        read(write(tmp_path, "a.orc", content))


@pytest.mark.parametrize("at", range(0, 700, 7))
def test_a_damaged_schema_is_an_error(tmp_path, at):
    content = bytearray(as_file(TABLE.slice(0, 9)))
    content[at] ^= 0xF4
    try:
        read(write(tmp_path, "a.arrow", bytes(content)))
    except UnreadableFileError as error:
        assert "a.arrow: " in str(error)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.arrow", as_orc(TABLE), "is ORC, although its name says something else; give its name the ending .orc"),
        ("a.orc", as_file(TABLE), "is an Arrow file, .*; give its name the ending .arrow"),
        ("a.jsonl", as_file(TABLE), "is an Arrow file, .*; give its name the ending .arrow"),
        ("a.arrow", b"FEA1" + b"\0" * 100, "is Feather of version 1, .*; write it as Parquet"),
        ("a.arrow", b"nothing of that kind", "no readable Arrow after row 0"),
    ],
)
def test_another_content_is_named(tmp_path, name, content, problem):
    with pytest.raises(UnreadableFileError, match=problem):
        read(write(tmp_path, name, content))


def save(folder: Path, table: pa.Table, parts: int, **state: object) -> None:
    """Write what `Dataset.save_to_disk` of `datasets` 3 writes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{part:05d}-of-{parts:05d}.arrow" for part in range(parts)]
    size = -(-len(table) // parts)
    for part, name in enumerate(names):
        (folder / name).write_bytes(as_stream(table.slice(part * size, size)))
    described = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "1f", "_format_columns": None}
    (folder / "state.json").write_text(json.dumps(described | state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {"text": {"_type": "Value"}}}))


def test_a_saved_data_set_is_read(tmp_path):
    save(tmp_path / "one", TABLE, 12)
    files = resolve([tmp_path / "one"], tmp_path)
    assert [file.path.name for file in files] == [f"data-{part:05d}-of-00012.arrow" for part in range(12)]
    ids = [name for file in files for name in together(read(file)).rows["id"].to_pylist()]
    assert ids == [f"s{number}" for number in range(300) if number != 7]


def test_the_splits_of_a_saved_dictionary_are_read(tmp_path):
    for split in ("train", "test"):
        save(tmp_path / "all" / split, TABLE.slice(0, 10), 1)
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    left_out: list[Path] = []
    files = resolve([tmp_path / "all"], tmp_path, left_out=left_out)
    assert [file.path.parent.name for file in files] == ["test", "train"]
    assert not left_out
    assert len(resolve([tmp_path / "all" / "train"], tmp_path)) == 1


def test_a_saved_data_set_that_lacks_a_file_is_an_error(tmp_path):
    save(tmp_path, TABLE, 3)
    (tmp_path / "data-00001-of-00003.arrow").unlink()
    with pytest.raises(SourceError, match=r"lacks data-00001-of-00003.arrow, which state.json names"):
        resolve([tmp_path], tmp_path)


def test_an_index_over_saved_rows_is_an_error(tmp_path):
    save(tmp_path, TABLE, 1, _indices_data_files=[{"filename": "indices.arrow"}])
    with pytest.raises(SourceError, match="by an index, which is not read; save it again after flatten_indices"):
        resolve([tmp_path], tmp_path)


def test_records_that_have_such_a_name_are_read(tmp_path):
    (tmp_path / "state.json").write_text('[{"text": "a"}]')
    assert [file.path.name for file in resolve([tmp_path], tmp_path)] == ["state.json"]


def test_many_small_files_are_joined(tmp_path):
    for number in range(120):
        (tmp_path / f"{number}.arrow").write_bytes(as_stream(TABLE.slice(2 * number, 2)))
    files = resolve([tmp_path], tmp_path)
    joined = bundled(files)
    assert len(joined) < 10
    rows: list[Parsed] = [together(read(file)) for file in joined]
    assert [name for parsed in rows for name in parsed.rows["id"].to_pylist()] == [
        f"s{number}" for number in range(240) if number != 7
    ]


@pytest.mark.parametrize("name", ["b.arrow", "f.orc"])
def test_fields_are_found_by_the_schema(tmp_path, name):
    file: SourceFile = write(tmp_path, name, FORMS[name](TABLE))
    (kind,) = record_fields([file], ["tags"], "text", 1 << 20)
    assert kind.field("tags").type == pa.list_(pa.string())
    assert [*record_fields([file, file], ["tags"], "text", 1 << 20, limit=4)] == [kind]
