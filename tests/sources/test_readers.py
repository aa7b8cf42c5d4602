from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.errors import SourceError
from dj_assets.sources.blocks import Block
from dj_assets.sources.readers import Reader, limited, open_blocks, parse
from dj_assets.sources.sources import SourceFile
from tests.sources.reading import PACK, read, read_all, together, write

TEXTS = ["first", "zwei\nLines", 'quo"te, and comma', "四\ttab", ""]
RECORDS = [{"text": text, "n": str(i)} for i, text in enumerate(TEXTS)]


def parquet_bytes(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def cells(delimiter: str) -> bytes:
    quoted = ['"' + text.replace('"', '""') + '"' for text in TEXTS]
    lines = [f"text{delimiter}n", *(f"{text}{delimiter}{i}" for i, text in enumerate(quoted))]
    return "\r\n".join(lines).encode()


LINES = b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in RECORDS)
CONTENT = {
    "lines.jsonl": LINES,
    "lines.json": LINES,
    "array.json": json.dumps(RECORDS, indent=1).encode(),
    "flat_array.json": json.dumps(RECORDS).encode(),
    "objects.json": "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode(),
    "cells.csv": cells(","),
    "cells.tsv": cells("\t"),
    "table.parquet": parquet_bytes(pa.Table.from_pylist(RECORDS), row_group_size=2),
}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("name", CONTENT)
def test_every_format_in_every_compression_gives_the_same_samples(tmp_path: Path, name: str, packing: str) -> None:
    file = write(tmp_path, name + packing, CONTENT[name])
    for block_bytes in (1, 40, 1 << 20):
        parsed = together(read(file, block_bytes=block_bytes))
        assert parsed.rejects == []
        assert parsed.rows["text"].to_pylist() == TEXTS
        assert parsed.rows["row"].to_pylist() == list(range(len(TEXTS)))
        assert parsed.rows["id"].to_pylist() == [f"{name}{packing}:{row}" for row in range(len(TEXTS))]
        fields = parsed.rows["fields"].to_pylist()
        fields = [json.loads(field) if isinstance(field, str) else field for field in fields]
        assert fields == [{"text": None, "n": str(i)} for i in range(len(TEXTS))]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("name", CONTENT)
def test_the_checksum_and_the_progress_are_those_of_the_file(tmp_path: Path, name: str, packing: str) -> None:
    file = write(tmp_path, name + packing, CONTENT[name])
    reader = Reader(file, 3, block_bytes=20)
    blocks = list(reader.blocks())
    assert reader.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert {block.file_number for block in blocks} == {3}
    consumed = [block.file_bytes for block in blocks]
    assert consumed == sorted(consumed)
    assert consumed[-1] == file.size


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.jsonl.gz", "a.parquet.zst"])
def test_an_empty_file_has_no_blocks(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    reader = Reader(SourceFile.at(tmp_path / name), 0)
    assert list(reader.blocks()) == []
    assert reader.sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(("name", "content"), [("a.jsonl.gz", b""), ("a.json", b"[]"), ("a.csv", b"text\n")])
def test_content_without_records_has_no_blocks(tmp_path: Path, name: str, content: bytes) -> None:
    assert read(write(tmp_path, name, content)) == []


def test_the_empty_block_has_the_schema_of_records() -> None:
    parsed = parse(Block.empty(7), text_key="text", name="a.jsonl")
    assert parsed.rows.schema.names == ["row", "id", "text", "fields"]
    assert (parsed.records, parsed.missing_key) == (0, None)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_all_members_and_frames_are_read(tmp_path: Path, packing: str) -> None:
    pack = PACK[packing]
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(pack(b'{"text":"a"}\n{"te') + pack(b"") + pack(b'xt":"b"}\n') + pack(b'{"text":"c"}'))
    parsed = together(read(SourceFile.at(path), block_bytes=5))
    assert parsed.rows["text"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_stream_that_breaks_off_names_file_byte_and_row(tmp_path: Path, name: str, packing: str) -> None:
    table = pa.table({"text": [hashlib.sha256(bytes([i % 256, i // 256])).hexdigest() for i in range(5000)]})
    content = {
        "a.jsonl": b"".join(json.dumps({"text": text}).encode() + b"\n" for text in table["text"].to_pylist()),
        "a.csv": "\n".join(["text", *table["text"].to_pylist()]).encode(),
        "a.parquet": parquet_bytes(table),
    }[name]
    path = tmp_path / (name + packing)
    path.write_bytes(PACK[packing](content)[:-1000])
    seen = 0
    with pytest.raises(SourceError) as error:
        for block in open_blocks(SourceFile.at(path), 0, block_bytes=5000):
            seen += parse(block, text_key="text", name=name).records
    message = str(error.value)
    assert str(path) in message
    assert f"byte {path.stat().st_size} of {path.stat().st_size}" in message
    assert f"after row {seen}" in message
    assert "fetch it again" in message
    assert (seen > 1000) == (name != "a.parquet")


@pytest.mark.parametrize(("packing", "rest"), [(".gz", PACK[".gz"](b"more")[:-8] + bytes(8)), (".zst", b"garbage")])
def test_a_damaged_stream_is_an_error(tmp_path: Path, packing: str, rest: bytes) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    path.write_bytes(PACK[packing](LINES) + rest)
    with pytest.raises(SourceError, match="is damaged"):
        list(open_blocks(SourceFile.at(path), 0))


@pytest.mark.parametrize("rest", [bytes(1), bytes(100_000), b"garbage", bytes(5000) + b"garbage"])
def test_bytes_after_a_gzip_stream_are_ignored_as_by_gzip(tmp_path: Path, rest: bytes) -> None:
    content = PACK[".gz"](LINES) + bytes(70_000) + PACK[".gz"](LINES) + rest
    (tmp_path / "a.jsonl.gz").write_bytes(content)
    reader = Reader(SourceFile.at(tmp_path / "a.jsonl.gz"), 0)
    assert b"".join(block.payload for block in reader.blocks()) == LINES + LINES
    assert reader.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jsonl", PACK[".gz"](b"{}"), "is packed with gzip, although its name says something else; give its name"),
        ("a.parquet", PACK[".gz"](b"{}"), "is packed with gzip"),
        ("a.jsonl.gz", PACK[".zst"](b"{}"), "is packed with Zstandard"),
        ("a.jsonl.gz", b'{"text": "x"}\n', "is not packed, although its name ends in .gz"),
        ("a.jsonl.zst", b'{"text": "x"}\n', "is not packed, although its name ends in .zst"),
        ("a.jsonl.gz", PACK[".gz"](PACK[".gz"](b"{}")), "is packed with gzip within .gz, so packed twice; unpack"),
        ("a.csv", "text\nx\n".encode("utf-16"), "is text in UTF-16"),
        ("a.jsonl", '{"text": "x"}\n'.encode("utf-16-le"), "is text in UTF-16"),
        ("a.json.gz", PACK[".gz"]('{"text": "x"}\n'.encode("utf-16-be")), "is text in UTF-16"),
        ("a.jsonl", '{"text": "x"}\n'.encode("utf-32"), "is text in UTF-32"),
        ("a.jsonl", b"PK\x03\x04" + bytes(60), "is a ZIP archive"),
        ("a.csv", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(60), "is an Excel file"),
        ("a.parquet", b"ORC" + bytes(60), "is ORC"),
        ("a.json", b"SQLite format 3\0" + bytes(60), "is a database of SQLite"),
        ("a.jsonl", b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "is an XML page"),
        ("a.jsonl.gz", PACK[".gz"](b"x.jsonl".ljust(257, b"\0") + b"ustar".ljust(255, b"\0")), "is a tar archive"),
        ("a.jsonl", b'{"text": "x"}\r{"text": "y"}\r', "its lines end in CR alone"),
        ("a.csv", b"text,n\rx,1\ry,2\r", "its lines end in CR alone"),
        ("a.tsv", parquet_bytes(pa.table({"text": ["a"]})), "is Parquet"),
        ("a.parquet", b"PARE" + bytes(60), "is encrypted Parquet"),
        ("a.json", b"<!DOCTYPE html><html>", "is an HTML page"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
    ],
)
def test_a_file_of_another_kind_than_its_name_is_told(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as error:
        list(open_blocks(SourceFile.at(tmp_path / name), 0))
    assert str(error.value).startswith(f"{tmp_path / name}: {kind}")
    assert "fetch it again" not in str(error.value)


@pytest.mark.parametrize("order", ["LE", "BE"])
def test_text_in_utf_16_without_a_mark_is_told_with_its_byte_order(tmp_path: Path, order: str) -> None:
    with pytest.raises(SourceError, match=f"iconv -f UTF-16{order} -t UTF-8"):
        read(write(tmp_path, "a.jsonl", '{"text": "x"}\n'.encode(f"utf-16-{order.lower()}")))


@pytest.mark.parametrize("content", [b'[{"text":"a"},{"text":"b"}]', b'[\n {"text":"a"},\n {"text":"b"}\n]\n'])
def test_json_lines_that_are_one_array_are_read(tmp_path: Path, content: bytes) -> None:
    assert read_all(tmp_path, "a.jsonl", content).rows["text"].to_pylist() == ["a", "b"]


def test_a_line_with_an_array_is_refused_alone(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.jsonl", b'[{"text":"a"}]\n{"text":"b"}\n')
    assert parsed.rows["text"].to_pylist() == ["b"]
    assert len(parsed.rejects) == 1


@pytest.mark.parametrize("content", [b"PAR1 this is none PAR1", b"{}", parquet_bytes(pa.table({"a": [1] * 999}))[:-9]])
def test_a_broken_parquet_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"a\.parquet: no readable Parquet after row 0"):
        read(write(tmp_path, "a.parquet", content))


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("limit", [0, 1, 3, 5, 99])
def test_the_limit_counts_records(tmp_path: Path, name: str, limit: int) -> None:
    file = write(tmp_path, name, CONTENT[name])
    for block_bytes in (1, 60, 1 << 20):
        blocks = read(file, block_bytes=block_bytes, limit=limit)
        texts = [text for block in blocks for text in block.rows["text"].to_pylist()]
        assert texts == TEXTS[:limit]


def test_the_limit_counts_bad_records_and_no_blank_lines(tmp_path: Path) -> None:
    content = b'\n{bad\n\n{"text":"' + b"x" * 200 + b'"}\n\n{"text":"a"}\n{"text":"b"}\n'
    for block_bytes in (1, 30, 1 << 20):
        file = write(tmp_path, "a.jsonl", content)
        parsed = together(read(file, block_bytes=block_bytes, max_line_bytes=100, limit=3))
        assert parsed.records == 3
        assert parsed.rows["row"].to_pylist() == [5]
        assert [reject.row for reject in parsed.rejects] == [1, 3]


def test_a_cut_table_block_does_not_carry_the_rest() -> None:
    batch = pa.record_batch({"text": ["x" * 1000] * 1000})
    (block,) = limited([Block(0, 0, 0, batch, 0)], 2)
    assert len(pickle.dumps(block)) < 5000


def test_blocks_are_bounded_and_travel(tmp_path: Path) -> None:
    texts = ["x" * (i % 97) for i in range(5000)]
    contents = {
        "a.jsonl": b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts),
        "a.json": json.dumps([{"text": text} for text in texts]).encode(),
        "a.csv": "\n".join(["n,text", *(f"{i},{text}" for i, text in enumerate(texts))]).encode(),
        "a.parquet": parquet_bytes(pa.table({"text": texts})),
    }
    for name, content in contents.items():
        blocks = list(open_blocks(write(tmp_path, name, content), 0, block_bytes=10_000))
        assert len(blocks) > 5
        for block in blocks:
            assert len(pickle.dumps(block)) < 80_000
            assert pickle.loads(pickle.dumps(block)) == block


line = st.one_of(
    st.just(b""),
    st.just(b"  \r"),
    st.just(b'{"text": null}'),
    st.just(b'{"other": 1}'),
    st.just(b"{broken"),
    st.just(b'{"text": "\xff"}'),
    st.just(b'{"text": "' + b"y" * 120 + b'"}'),
    st.text(max_size=20).map(lambda text: json.dumps({"text": text, "m": len(text)}).encode()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(line, max_size=12), st.integers(1, 300), st.integers(20, 150), st.booleans())
def test_blocks_of_any_size_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], block_bytes: int, max_line: int, end: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if end else b"")
    file = write(tmp_path_factory.mktemp("source"), "a.jsonl", content)
    small = read(file, block_bytes=block_bytes, max_line_bytes=max_line)
    whole = read(file, block_bytes=1 << 20, max_line_bytes=max_line)
    assert [row for block in small for row in block.rows.to_pylist()] == [
        row for block in whole for row in block.rows.to_pylist()
    ]
    assert [reject for block in small for reject in block.rejects] == [
        reject for block in whole for reject in block.rejects
    ]
    records = [i for i, raw in enumerate(lines) if raw.strip()]
    found = [row for block in small for row in block.rows["row"].to_pylist()]
    found += [reject.row for block in small for reject in block.rejects]
    assert sorted(found) == records


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text('ab", \n\r\té', max_size=8), min_size=2, max_size=2), max_size=8), st.integers(1, 60))
def test_quoted_cells_come_back_whatever_the_block(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], block_bytes: int
) -> None:
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["text", "b"], *rows]]
    file = write(tmp_path_factory.mktemp("source"), "a.csv", "\n".join(lines).encode())
    blocks = read(file, block_bytes=block_bytes)
    found = [[row["text"], row["fields"]["b"]] for block in blocks for row in block.rows.to_pylist()]
    assert found == rows
    assert [reject for block in blocks for reject in block.rejects] == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.text('a"\\[{,', max_size=3), st.lists(st.text('"\\]},é', max_size=5), max_size=3), max_size=3
        ),
        max_size=6,
    ),
    st.integers(1, 60),
    st.sampled_from([None, 1]),
)
def test_arrays_are_cut_at_their_own_commas(
    tmp_path_factory: pytest.TempPathFactory, metas: list[dict[str, list[str]]], block_bytes: int, indent: int | None
) -> None:
    content = json.dumps([{"text": str(i), "meta": meta} for i, meta in enumerate(metas)], indent=indent).encode()
    blocks = read(write(tmp_path_factory.mktemp("source"), "a.json", content), block_bytes=block_bytes)
    found = [json.loads(field)["meta"] for block in blocks for field in block.rows["fields"].to_pylist()]
    assert found == metas
    assert all(not block.rejects for block in blocks)


PEAK = """
import sys
from pathlib import Path
from dj_assets.system import peak_rss_mb
from dj_assets.sources.readers import open_blocks, parse
from dj_assets.sources.sources import SourceFile
rows, rejects = [], []
for block in open_blocks(SourceFile.at(Path(sys.argv[1])), 0):
    parsed = parse(block, text_key="text", name="a")
    rows += parsed.rows["row"].to_pylist()
    rejects += [reject.error for reject in parsed.rejects]
print(rows, rejects, int(peak_rss_mb()), sep="|")
"""


@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.jsonl", "a.json", "a.csv.gz"])
def test_a_line_of_200_megabytes_is_skipped_in_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    opened = {"zst": zstandard.open, "gz": gzip.open}.get(path.suffix[1:], open)
    before, after, between = {
        "a.json": (b'[{"text":"', b'"}, {"text":"b"}]', b'{"text":"a"},'),
        "a.csv.gz": (b'"', b'"\nb\n', b"a\n"),
    }.get(name, (b'{"text":"', b'"}\n{"text":"b"}\n', b'{"text":"a"}\n'))
    with opened(path, "wb") as file:
        file.write(b"text\n" if "csv" in name else before[:1] if name == "a.json" else b"")
        file.write(between)
        file.write(before[1:] if name == "a.json" else before)
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(after)
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    rows, rejects, peak_mb = done.stdout.strip().split("|")
    assert rows == "[0, 2]"
    assert "2000000" in rejects
    assert "more than the 67108864 allowed, at " in rejects
    assert int(peak_mb) < 400


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    for name, content in {"a.jsonl": b'{"text":"a"}', "a.json": b'[{"text":"a"}]', "a.csv": b"text\na"}.items():
        parsed = read_all(tmp_path, name, b"\xef\xbb\xbf" + content)
        assert parsed.rows["text"].to_pylist() == ["a"]
