"""Commands over a finished run one of whose files is damaged: a right answer, or one line with the cure."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import DamagedError, DjError
from tests.documents import documents, write_jsonl

RECIPE = """
process:
  - document_line_deduplicator: {frequency_threshold: 2}
  - text_length_filter: {min_len: MIN}
  - document_simhash_deduplicator: {window_size: 3}
"""
# Names of runs, numbers of seconds and of megabytes.
_TIMES = re.compile(r"\d{8}T\d{6}\.\d+Z-\w+|[\d,.]+ s\b|[\d,.]+ MB")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def emptied(path: Path) -> None:
    path.unlink()
    path.touch()


ALL_WAYS = "TEST_ALL_WAYS" in os.environ
WAYS: dict[str, Callable[[Path], None]] = {"flipped": flipped, "cut": cut, "emptied": emptied, "deleted": Path.unlink}


@dataclass
class Finished:
    """An output folder of two runs, put back as it was after every command."""

    folder: Path
    dropped: str = ""
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def commands(self) -> dict[str, list[str]]:
        out = str(self.out)
        return {
            "funnel": [out],
            "explain": [out, "--id", self.dropped],
            "runs": [out],
            "diff": [out],
            "tune": [str(self.folder / "mine.yaml"), "--from", out],
            "report": [out],
            "export": [out, "--output", str(self.folder / "exported"), "--format", "jsonl"],
            "verify": [out],
        }

    def put_back(self) -> None:
        for name in ("out", "exported"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.folder / "kept", self.out)

    def answer(self, command: str) -> tuple[int, str, BaseException | None]:
        result = CliRunner().invoke(app, [command, *self.commands[command]], env={"COLUMNS": "200"})
        return result.exit_code, _TIMES.sub("", result.stdout), result.exception


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("damaged")
    made = Finished(folder)
    recipe, source = folder / "mine.yaml", write_jsonl(folder / "web.jsonl", documents(80))
    for shortest in ("200", "20"):
        recipe.write_text(RECIPE.replace("MIN", shortest))
        dj_assets.run_recipe(recipe, [source], made.out, workers=1, overwrite=True)
    import pyarrow.parquet as pq

    (made.dropped, *_) = (
        row["id"] for row in pq.read_table(made.out / "dropped.parquet").to_pylist() if row["kept_id"] is not None
    )
    shutil.copytree(made.out, folder / "kept")
    for command in made.commands:
        code, answer, _ = made.answer(command)
        assert code == 0, (command, answer)
        made.answers[command] = answer
        made.put_back()
    yield made


def cases(finished: Finished) -> Iterator[tuple[Path, str, str]]:
    """Yield file, command and way: every command meets every file, damaged in one way; in all by `make hostile`."""
    files = sorted(path.relative_to(finished.out) for path in finished.out.rglob("*") if path.is_file())
    names = [name for name in files if name.suffix != ".lock" and name.name != ".lock"]
    assert len(names) > 25
    for number, name in enumerate(names):
        for place, command in enumerate(finished.commands):
            for way in WAYS if ALL_WAYS else [[*WAYS][(number + place) % len(WAYS)]]:
                yield name, command, way


def test_no_command_ends_in_a_traceback(finished):
    noticed = set()
    for name, command, way in cases(finished):
        WAYS[way](finished.out / name)
        code, answer, error = finished.answer(command)
        finished.put_back()
        case = f"{command} after {name} was {way}: {code} {error!r}\n{answer}"
        if code == 0:
            told = "the manifest is damaged" in answer and command == "runs"
            # nobody knows of these that they were there
            gone = way == "deleted" and bool({"runs", "counted", "claim.json"} & set(name.parts))
            assert told or gone or answer == finished.answers[command], case
            continue
        noticed.add(command)
        assert code in {1, 2}, case
        if command == "verify" and not isinstance(error, DjError):
            assert "damaged" in answer, case
            continue
        assert isinstance(error, DjError), case
        assert len(str(error).splitlines()) == 1, case
        assert ";" in str(error) or isinstance(error, DamagedError), case
    assert noticed >= {"explain", "diff", "tune", "report", "export", "verify"}


def test_an_error_that_no_file_explains_is_no_damage(finished, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("dj_assets.views.terminal.render_run", fail)
    assert isinstance(finished.answer("funnel")[2], ZeroDivisionError)
    os.truncate(finished.out / ".dj/cleaned/00000.parquet", 9)
    assert isinstance(finished.answer("funnel")[2], DamagedError)
    finished.put_back()
