"""The page about stats.duckdb and the example notebook, held against real files and real readers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

import dj_assets
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset
from tests.documents import documents, write_jsonl
from tests.paths import ROOT

PAGE = (ROOT / "docs/stats.md").read_text("utf-8")
TABLE = re.compile(r"^### (\w+)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)


ONE_VERSION = "SELECT (SELECT count(*) FROM stats), (SELECT count(*) FROM dropped), samples_out FROM funnel"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "r.yaml").write_text(blocks("yaml")[0])
    source = write_jsonl(folder / "a.jsonl", documents(300))
    dj_assets.run_recipe(folder / "r.yaml", [source], folder / "out", workers=1)
    return folder / "out"


def test_the_page_tells_every_table_and_column_as_the_file_has_them(out):
    told = {name: re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE) for name, text in TABLE.findall(PAGE)}
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        found = {name: [row[:2] for row in connection.execute(f"DESCRIBE {name}").fetchall()] for name in names}
    assert told == found


def test_the_questions_of_the_page_have_answers(out, monkeypatch):
    *single, several = blocks("sql")
    with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as connection:
        answers = [connection.execute(query).fetchall() for query in single]
        (kept,) = connection.execute("SELECT min(samples_out) FROM funnel").fetchone()
    assert answers[0][0][0] == kept
    assert answers[2]
    for name in ("c4", "wiki"):
        several = several.replace(f"data_home/{name}/stats.duckdb", str(out / "stats.duckdb"))
    with duckdb.connect() as connection:
        rows = connection.execute(several).fetchall()
    assert {row[0] for row in rows} == {"c4", "wiki"}
    assert len(rows) == 8


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))
    recipes = find_gallery().recipes
    for name in ("c4", "wiki"):
        Subset.of_asset(recipes[name], Options(workers=1)).run()
    notebook = json.loads((ROOT / "examples/stats.ipynb").read_text("utf-8"))
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT / "examples",
        env=os.environ | {"DATA_HOME": str(tmp_path)},
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert "document_simhash_deduplicator" in ran.stdout
    assert "<FinishedRun redpajama/c4: 201 of 220 samples kept" in ran.stdout
    assert all(not cell.get("outputs") for cell in notebook["cells"])


def test_readers_in_a_loop_neither_wait_nor_see_half(tmp_path):
    """Two runs of one subset publish versions by turns while readers look, and one holds the first version open."""
    source = write_jsonl(tmp_path / "a.jsonl", documents(300))
    database = tmp_path / "out/stats.duckdb"

    def run(min_len: int) -> int:
        process = [{"text_length_filter": {"min_len": min_len}}]
        return dj_assets.run_recipe(
            {"process": process}, [source], tmp_path / "out", workers=1, overwrite=True
        ).samples_out

    first = run(20)
    held = duckdb.connect(str(database), read_only=True)
    seen: set[tuple[int, int, int]] = set()
    faults: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                # a process of its own would see the same: every connection opens the file that has the name now
                with duckdb.connect(str(database), read_only=True) as connection:
                    query = (
                        "SELECT (SELECT count(*) FROM stats), (SELECT count(*) FROM dropped), samples_out FROM funnel"
                    )
                    seen.add(connection.execute(query).fetchone())
            except duckdb.Error as error:
                faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    kept = {first, *(run(length) for length in (300, 20, 350))}
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert {row[2] for row in seen} <= kept
    assert {row[1] + row[2] for row in seen} == {300}, "every reader saw one whole version"
    assert held.execute("SELECT samples_out FROM funnel").fetchone() == (first,)
    held.close()
