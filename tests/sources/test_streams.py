from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dj_assets.sources.lines import Lines, LineSplitter, Overlong
from dj_assets.sources.streams import Stream
from tests.sources.reading import PACK, write

DATA = bytes(range(256)) * 3000


@pytest.mark.parametrize("packing", PACK)
def test_what_is_peeked_or_put_back_is_read_again(tmp_path: Path, packing: str) -> None:
    file = write(tmp_path, f"a.jsonl{packing}", DATA)
    with Stream(file) as stream:
        assert stream.peek(300) == DATA[:300]
        assert (stream.position, stream.read(100)) == (0, DATA[:100])
        assert stream.position == 100
        stream.unread(DATA[90:100])
        assert (stream.position, stream.read(500)) == (90, DATA[90:590])
        rest = b""
        while chunk := stream.read(70_000):
            assert len(chunk) <= 70_000
            rest += chunk
        assert rest == DATA[590:]
        assert (stream.position, stream.peek(5)) == (len(DATA), b"")
        assert stream.raw.consumed_bytes == file.size
        assert stream.raw.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert stream.raw.closed


@pytest.mark.parametrize("run_bytes", [1, 3, 7, 1000])
def test_lines_are_cut_whole(tmp_path: Path, run_bytes: int) -> None:
    content = b"a\n\nbb\n" + b"c" * 20 + b"\nd\n" + b"e" * 21
    with Stream(write(tmp_path, "a.jsonl", content)) as stream:
        runs = list(LineSplitter(stream, run_bytes, 10))
    kept = b"".join(run.payload for run in runs if isinstance(run, Lines))
    assert kept == b"a\n\nbb\nd\n"
    long = [(run.at.row, run.at.byte, run.length) for run in runs if isinstance(run, Overlong)]
    assert long == [(3, 6, 21), (5, 29, 21)]
    for run in runs:
        if isinstance(run, Lines):
            assert content[run.first_byte :].startswith(run.payload)
            assert content[: run.first_byte].count(b"\n") == run.first_row
            assert len(run.payload) <= max(run_bytes + 10, 11)
