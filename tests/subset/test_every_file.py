"""One flipped byte in any file of a home or an output folder: `verify` names the file, and it is made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import DamagedError
from dj_assets.home.json_files import read_json, write_document, write_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, published_run
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset
from dj_assets.subset.repairing import Repaired, repair
from dj_assets.subset.verifying import Verified, verify
from dj_assets.views.release import accompany, write_report
from tests.documents import documents, write_jsonl
from tests.subset.conftest import RECIPE

LINES = {"process": [{"document_line_deduplicator": {"frequency_threshold": 2}}, *RECIPE["process"][1:]]}
# Locks are empty, and nobody reads what is in them.
LOCKS = {".lock"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    return [write_jsonl(folder / f"part-{n}.jsonl", documents(60, seed=n)) for n in range(2)]


class Made:
    """A finished folder, put back as it was before every use."""

    def __init__(self, layout: Layout, make: Callable[[], object]) -> None:
        self.layout, self.make = layout, make
        self.folder, self.kept = layout.published, layout.published.with_name("kept")
        make()
        shutil.copytree(self.folder, self.kept)

    def put_back(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)

    @property
    def files(self) -> list[Path]:
        found = sorted(path for path in self.kept.rglob("*") if path.is_file() and path.suffix not in LOCKS)
        return [self.folder / path.relative_to(self.kept) for path in found if path.name not in LOCKS]

    def verified(self) -> Verified:
        return verify(self.layout, newest_run(self.layout))

    def repaired(self) -> Repaired:
        return repair(self.layout, newest_run(self.layout), write_report)


@pytest.fixture(scope="module")
def output(tmp_path_factory, sources) -> Made:
    """An output folder with a reference set and two runs."""
    out = tmp_path_factory.mktemp("output") / "out"
    reference = write_jsonl(out.with_name("reference.jsonl"), documents(20, seed=1))

    def make() -> None:
        options = {"against": [reference], "workers": 1, "overwrite": True}
        dj_assets.run_recipe(RECIPE | {"process": RECIPE["process"][::2]}, sources, out, **options)
        dj_assets.run_recipe(RECIPE, sources, out, **options)

    return Made(Layout.output(out), make)


@pytest.fixture(scope="module")
def home(tmp_path_factory, sources) -> Made:
    """A subset of a data home whose recipe counts the corpus."""
    folder = tmp_path_factory.mktemp("home") / "notes"

    def make() -> None:
        options = Options(workers=1, accompany=accompany)
        Subset(load_recipe(LINES), sources, Layout.home(folder), options).run()

    return Made(Layout.home(folder), make)


@pytest.fixture(params=["output", "home"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    folder: Made = request.getfixturevalue(request.param)
    yield folder
    folder.put_back()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()  # a file of one source file is linked to its measured file
    path.write_bytes(content)


def test_every_file_is_compared(made):
    done = made.verified()
    assert (done.damaged, done.unrecorded) == ((), ())
    assert done.files == len(made.files)
    assert done.bytes == sum(path.stat().st_size for path in made.files)


def test_a_flipped_byte_in_any_file_is_named(made):
    assert len(made.files) > 30
    for path in made.files:
        flip(path)
        if published_run(made.layout) is None:
            with pytest.raises(
                DamagedError, match=rf"{path}: is not the manifest of a run \(.*\); run the subset again"
            ):
                newest_run(made.layout)
        else:
            assert any(line.startswith(f"{path}: ") for line in made.verified().damaged), path
        made.put_back()


def test_published_files_are_made_again(made):
    layout = made.layout
    documents = {"numbering.json", "grouping.json", "frequent.parquet"}
    copies = [path for path in made.files if path.parent == made.folder and path.name not in documents]
    copies += [path for path in made.files if path.parent.name in {"dropped", "quarantine"}]
    tables = {path: pq.read_table(path) for path in copies if path.suffix == ".parquet"}
    assert {path.suffix for path in copies} >= {".parquet", ".duckdb", ".html", ".md"}
    for path in copies:
        flip(path)
    done = made.repaired()
    assert done.verified.damaged == ()
    assert set(done.made) == set(copies)
    for path, table in tables.items():
        assert pq.read_table(path).equals(table)
    if layout.work != layout.published:
        manifest = layout.runs / f"{newest_run(layout).run_id}.json"
        assert read_json(made.folder / "run.json") == read_json(manifest)
        assert json.loads((made.folder / "funnel.json").read_text()) == read_json(manifest)["funnel"]
    assert "<html" in layout.report.read_text()


@pytest.mark.parametrize(
    "pattern",
    [
        "shards/*.json",
        "cleaned/*.parquet",
        "decision/decision.json",
        "decision/*.parquet",
        "near_pairs/*.parquet",
        "refined/*.parquet",
        "counted/*/frequent.parquet",
        "numbering.json",
    ],
)
def test_other_files_are_made_again_by_the_next_run(made, pattern):
    for path in [*made.layout.work.glob(pattern), *made.folder.glob(pattern)][:1]:
        flip(path)
        assert made.verified().damaged
        made.make()
        assert made.verified().damaged == ()


def test_a_run_publishes_again_where_the_newest_manifest_is_damaged(made):
    damaged = max(made.layout.runs.glob("*.json"))
    flip(damaged)
    made.make()
    assert newest_run(made.layout).run_id != damaged.stem
    (line,) = made.verified().damaged
    assert line.startswith(f"{damaged}: is damaged; ") and line.endswith("remove the file")


def test_a_missing_published_file_is_published_again(made):
    made.layout.report.unlink()
    (line,) = made.verified().damaged
    assert line.endswith(
        f"report.html: is missing; make it again with 'dj-assets verify {made.layout.location} --repair'"
    )
    made.make()
    assert made.layout.report.exists()


def test_files_of_a_run_without_checksums_are_not_called_sound(made):
    layout = made.layout
    path = layout.runs / f"{newest_run(layout).run_id}.json"
    write_json(path, {name: value for name, value in read_json(path).items() if name not in {"files", "record"}})
    decision = read_json(layout.decision)
    write_json(layout.decision, {name: value for name, value in decision.items() if name != "files"})
    done = made.verified()
    assert done.damaged == ()
    assert {layout.report, layout.decision, path.with_suffix(".parquet")} < set(done.unrecorded)
    assert done.files + len(done.unrecorded) == len(made.files)


def test_a_document_that_says_otherwise_than_it_was_written_is_none(tmp_path):
    path = tmp_path / "a.json"
    write_document(path, {"b": 1, "a": [1.5, None], "numbers": {10: "x", 9: "y"}})
    assert read_json(path) == {"b": 1, "a": [1.5, None], "numbers": {"10": "x", "9": "y"}}
    path.write_text(path.read_text().replace("1.5", "1.4"))
    assert read_json(path) is None
