"""Source files that change, shrink, are replaced or vanish while they are read: noticed, and nothing is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets import settings
from dj_assets.errors import DjError
from dj_assets.measure.progress import Progress
from dj_assets.subset import run_recipe
from tests.documents import documents
from tests.sources.reading import PACK
from tests.test_subset import contents

RECIPE = {"process": [{"text_length_filter": {"min_len": 20}}, "document_deduplicator"]}
RECORDS = 600


def content(name: str, seed: int = 1) -> bytes:
    """Return the content of a file of that name."""
    records = [
        {"id": str(number), "text": record["text"] or ""} for number, record in enumerate(documents(RECORDS, seed))
    ]
    if name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(records), sink, row_group_size=100)
        return sink.getvalue().to_pybytes()
    lines = "".join(json.dumps(record) + "\n" for record in records)
    if ".csv" in name:
        lines = "id,text\n" + "".join(f"{record['id']},{record['text']}\n" for record in records)
    return PACK[".gz" if name.endswith(".gz") else ""](lines.encode())


def _replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(content(path.name, seed=2))
    other.replace(path)


def _rewritten(path: Path) -> None:
    """Write other bytes of the same number into the same file, and give it back its time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        file.write(b"x" * 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _swapped(path: Path) -> None:
    """Put another file of the same size and time into its place."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[:-200] + b"x" * 200)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


WAYS: dict[str, Callable[[Path], object]] = {
    "grows": lambda path: path.open("ab").write(content(path.name, seed=2)),
    "shrinks": lambda path: os.truncate(path, path.stat().st_size // 2),
    "is emptied": lambda path: os.truncate(path, 0),
    "is replaced": _replaced,
    "is rewritten with its old time": _rewritten,
    "is replaced by one of its size and time": _swapped,
    "vanishes": Path.unlink,
    "becomes a folder": lambda path: (path.unlink(), path.mkdir()),
}


# The forms differ in how they are read; all of them are changed in all ways by `make hostile`.
FORMS = ("a.jsonl", "a.parquet", "a.jsonl.gz", "a.csv")
CHANGES = [(name, way) for name in FORMS for way in WAYS]
QUICK = [
    *(("a.parquet", way) for way in WAYS),
    *(("a.jsonl", way) for way in ("is rewritten with its old time", "is replaced by one of its size and time")),
    ("a.jsonl.gz", "shrinks"),
    ("a.csv", "vanishes"),
]


@pytest.mark.parametrize(("name", "way"), CHANGES if "TEST_ALL_WAYS" in os.environ else QUICK)
def test_a_change_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str) -> None:
    monkeypatch.setattr(settings, "BATCH_BYTES", 20_000)
    source = tmp_path / "in" / name
    source.parent.mkdir()
    source.write_bytes(content(name))
    changed: list[Progress] = []

    def change(progress: Progress) -> None:
        if not changed:
            changed.append(progress)
            WAYS[way](source)

    with pytest.raises(DjError) as error:
        run_recipe(RECIPE, [source], tmp_path / "out", workers=1, report=change)
    assert str(source) in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert changed
    assert not (tmp_path / "out/refined").exists()


def test_the_next_run_reads_the_file_as_it_is_then(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_bytes(content(source.name))
    with pytest.raises(DjError, match="was changed while it was read; nothing of it is kept, run again"):
        run_recipe(RECIPE, [source], tmp_path / "out", workers=1, report=lambda _: _swapped(source))
    for output in ("out", "undisturbed"):
        run_recipe(RECIPE, [source], tmp_path / output, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")
    assert "x" * 200 in source.read_text()


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize("way", ["vanishes", "is replaced"])
def test_a_file_that_changes_before_its_turn_is_noticed(tmp_path: Path, name: str, way: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for each in (name, f"second-{name}", f"third-{name}"):
        (folder / each).write_bytes(content(name))
    second = folder / f"second-{name}"

    def change(_: Progress) -> None:
        if second.is_file() and second.stat().st_mtime_ns == found:
            WAYS[way](second)

    found = second.stat().st_mtime_ns
    with pytest.raises(DjError) as error:
        run_recipe(RECIPE, [folder], tmp_path / "out", workers=1, report=change)
    assert str(second) in str(error.value)
    assert len(str(error.value).splitlines()) == 1
