"""Inputs that are no files, and records that are bombs: one line or one quarantined record, and never a hang."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dj_assets.errors import RecipeError, SourceError
from dj_assets.recipe.yaml_file import read_yaml
from dj_assets.sources.sources import SourceFile, content_sha256
from dj_assets.subset import run_recipe
from tests.sources.reading import read, read_all, together, write

GOOD = b'{"id": "good", "text": "A good sample."}'


def _socket(path: Path) -> None:
    # the path of a socket has at most 108 bytes
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


NO_FILES: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet", ".csv"])
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    NO_FILES[kind](path)
    with pytest.raises(SourceError, match=f"is a {kind}, no regular file"):
        SourceFile.at(path)


def test_a_run_over_a_pipe_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "recipe.yaml").write_text("process:\n  - text_length_filter:\n")
    command = [sys.executable, "-m", "dj_assets.cli", "run", "recipe.yaml", "--input", "a.jsonl", "--output", "out"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 2
    assert run.stderr.splitlines() == [
        f"error: {tmp_path}/a.jsonl: is a pipe, no regular file; write its content into one"
    ]
    assert not (tmp_path / "out").exists()


def test_a_file_of_the_kernel_is_as_empty_as_its_size(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("/proc/self/environ")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_sha256(SourceFile.at(tmp_path / "a.jsonl")) == empty


def test_a_recipe_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").symlink_to("/dev/zero")
    with pytest.raises(RecipeError, match="more than 10,000,000 bytes, which is no recipe"):
        read_yaml(tmp_path / "recipe.yaml")


BOMBS = {
    "nested arrays": (b"[" * 100_000 + b"]" * 100_000, "broken JSON (nested too deeply) at line 1 (row 0), byte 0"),
    "nested objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "broken JSON (nested too deeply) at line 1"),
    "an integer of a megabyte": (b"9" * 1_000_000, "broken JSON (an integer of more than 4,300 digits) at line 1"),
    "a number beyond floats": (b"1e400", "broken JSON (the number 1e400 is too large for a float) at line 1"),
    "an exponent of a megabyte": (b"1e" + b"9" * 1_000_000, "… is too large for a float) at line 1"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_quarantined_alone(tmp_path: Path, name: str) -> None:
    value, error = BOMBS[name]
    found = read_all(tmp_path, "a.jsonl", b'{"id": "bomb", "text": "x", "value": ' + value + b"}\n" + GOOD, **LONG)
    assert found.rows["id"].to_pylist() == ["good"]
    [reject] = found.rejects
    assert not reject.dropped
    assert error in reject.error
    assert len(reject.error) < 200


LONG = {"max_line_bytes": 64 << 20}
KEPT = {
    "a key of 10 MB": {"k" * 10_000_000: 1},
    "names of JavaScript and Python": {"__proto__": {"a": 1}, "constructor": 2, "__class__": 3, "__init__": None},
    "an empty key": {"": 1},
    "keys with a null byte and controls": {"a\0b": 1, "\x1b[31m": 2},
    "100,000 keys": {f"k{i}": i for i in range(100_000)},
    "a float of a thousand digits": {"a": 0.1},
}


@pytest.mark.parametrize("name", KEPT)
def test_odd_fields_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    record = {"id": "odd", "text": "x", **KEPT[name]}
    found = read_all(tmp_path, "a.jsonl", json.dumps(record).encode() + b"\n" + GOOD, **LONG)
    assert found.rows["id"].to_pylist() == ["odd", "good"]
    assert json.loads(found.rows["fields"][0].as_py()) == {**record, "text": None}


def test_the_last_of_equal_keys_counts(tmp_path: Path) -> None:
    found = read_all(tmp_path, "a.jsonl", b'{"id": "a", "text": "first", "text": "last"}\n' + GOOD)
    assert found.rows["text"].to_pylist() == ["last", "A good sample."]


def test_ids_may_be_anything_and_collide(tmp_path: Path) -> None:
    ids = [{"a": 1}, [1, 2], 1, "1", None, "", "../../etc/passwd", "\x1b[31m", "i" * 5_000_000, "a.jsonl:4", True, 1.0]
    lines = [json.dumps({"id": value, "text": f"text {i}"}).encode() for i, value in enumerate(ids)]
    found = read_all(tmp_path, "a.jsonl", b"\n".join(lines), **LONG)
    names = found.rows["id"].to_pylist()
    assert names[:5] == ['{"a":1}', "[1,2]", "1", "1", "a.jsonl:4"]
    assert names[5:] == ["", "../../etc/passwd", "\x1b[31m", "i" * 5_000_000, "a.jsonl:4", "true", "1.0"]


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_a_packed_line_without_end_is_skipped_in_little_memory(tmp_path: Path, packed: str) -> None:
    import tracemalloc

    content = b'{"id": "bomb", "text": "' + b" " * (200 << 20) + b'"}\n' + GOOD
    file = write(tmp_path, f"a.jsonl{packed}", content)
    tracemalloc.start()
    found = together(read(file))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.rows["id"].to_pylist() == ["good"]
    [reject] = found.rejects
    assert "209715227 bytes long, more than the 1048576 allowed" in reject.error
    assert most < 32 << 20


def test_ten_thousand_columns_take_seconds(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(10_000)]
    table = tmp_path / "wide.csv"
    table.write_text("text," + ",".join(names) + "\n" + 3 * ("hello," + ",".join(names) + "\n"))
    started = time.process_time()
    result = run_recipe({"process": ["document_deduplicator"]}, [table], tmp_path / "out", workers=1)
    # one look through all names for each column took 45 s
    assert time.process_time() - started < 20
    assert result.samples_out == 1
