from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dj_assets.reference.operator_tables import KINDS, shipped_operators
from tests.cli.test_app import cli, the_one_line
from tests.documents import write_jsonl

MINE = '''\
import pyarrow as pa

from dj_assets.operators import RangeFilter, Statistic, register


@register("cli_score_filter")
class CliScoreFilter(RangeFilter):
    """Measure the length of texts; fail for one."""

    statistics = (Statistic("score", pa.float64(), "characters"),)

    min_ratio: float = 0.0
    max_ratio: float = 100.0

    def measure(self, batch):
        texts = batch.text.to_pylist()
        if "fails" in texts:
            raise ValueError("no such text")
        values = [float(len(text)) for text in texts]
        return {"score": pa.array(values, pa.float64())}
'''
MISTAKES = {
    "wrong key": (
        MINE.replace('{"score": pa', '{"scor": pa'),
        "15: CliScoreFilter.measure returned 'scor', but 'statistics' declares 'score'; use the same keys in both",
    ),
    "wrong length": (
        MINE.replace("values = [", "values = [9.0] + ["),
        " for 2 samples; return one value for each sample",
    ),
    "bound without a field": (
        MINE.replace("    max_ratio: float = 100.0\n", "").replace(
            "    min_ratio", "    bounds = ('min_ratio', 'most')\n    min_ratio"
        ),
        "6: CliScoreFilter: the bound 'most' is no field of the class; declare it: 'most: float | None = None'",
    ),
    "no measure": (
        MINE.partition("    def measure")[0],
        "6: CliScoreFilter has no 'measure'; add 'def measure(self, batch)'",
    ),
    "no statistics": (
        MINE.replace('    statistics = (Statistic("score", pa.float64(), "characters"),)\n', ""),
        "6: CliScoreFilter declares no statistics; add statistics = (Statistic('score', pa.float64(), 'unit'),)",
    ),
    "no register": (
        MINE.replace('@register("cli_score_filter")\n', ""),
        '6: CliScoreFilter has no @register, so no recipe can name it; write @register("cli_score_filter")',
    ),
}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("custom_operator_paths: mine.py\nprocess: [cli_score_filter]\n")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "d.jsonl", [{"text": text} for text in ("a", "fails", "four")])


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_an_author_is_one_line_and_exit_2(tmp_path, recipe, source, mistake):
    content, line = MISTAKES[mistake]
    mine = tmp_path / "mine.py"
    mine.write_text(content)
    said = the_one_line(cli("validate", recipe))
    assert f"{mine}:" in said
    assert "CliScoreFilter" in said
    assert line in said
    out = tmp_path / "out"
    said = the_one_line(cli("run", recipe, "--input", source, "--output", out))
    assert f"{mine}:" in said
    assert said.partition("CliScoreFilter")[2]
    assert line.rpartition("; ")[2] in said
    assert not [path for path in out.glob("*") if path.name != ".dj"]


@pytest.mark.parametrize("mistake", ["wrong key", "wrong length"])
def test_a_breach_in_a_worker_process_is_one_line_and_exit_2(tmp_path, recipe, source, mistake):
    (tmp_path / "mine.py").write_text(MISTAKES[mistake][0])
    out = tmp_path / "out"
    said = the_one_line(cli("run", recipe, "--input", source, "--output", out, "--workers", 2))
    assert said.startswith(f"error: {tmp_path / 'mine.py'}:15: CliScoreFilter.measure returned ")
    assert not [path for path in out.glob("*") if path.name != ".dj"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_for_one_sample_quarantines_that_sample(tmp_path, recipe, source, workers):
    (tmp_path / "mine.py").write_text(MINE)
    done = cli("run", recipe, "--input", source, "--output", tmp_path / "out", "--workers", workers)
    assert done.returncode == 0, done.stderr
    assert "3 in = 2 kept + 0 dropped + 1 quarantined" in done.stdout
    with duckdb.connect(str(tmp_path / "out/stats.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT score FROM stats ORDER BY row").fetchall() == [(1.0,), (None,), (4.0,)]


def test_a_class_without_register_is_noticed(tmp_path, recipe, source):
    more = MINE.replace('@register("cli_score_filter")\n', "").replace("CliScore", "Other").partition("\n\n\n")[2]
    (tmp_path / "mine.py").write_text(f"{MINE}\n\n{more}")
    done = cli("validate", recipe)
    assert done.returncode == 0, done.stderr
    assert 'OtherFilter has no @register, so no recipe can name it; write @register("other_filter")' in done.stderr


def test_list_names_every_operator_with_kind_and_purpose():
    rows = json.loads(cli("operators", "list", "--json").stdout)
    assert [row["operator"] for row in rows] == [cls.name for cls in shipped_operators()]
    assert {row["kind"] for row in rows} == set(KINDS)
    assert all(row["purpose"].endswith(".") for row in rows)
    table = cli("operators", "list").stdout
    assert "text_length_filter" in table
    assert "Keep texts whose length" in table


@pytest.mark.parametrize("kind", ["filter", "mapper", "field_mapper", "deduplicator", "grouper", "aggregator"])
def test_a_new_operator_passes_its_check_its_test_and_a_run(tmp_path, source, kind):
    folder = tmp_path / "operators"
    new = ("operators", "new", "fresh_cli", "--kind", kind, "--output", folder)
    name = f"fresh_cli_{kind.removeprefix('field_')}"
    done = cli(*new)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {f"{name}.py", f"test_{name}.py"}
    assert cli("operators", "check", folder / f"{name}.py").stdout == f"{name}: all well\n"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    tested = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
    recipe = tmp_path / "fresh.yaml"
    # a folder is read without its tests
    process = {"grouper": [name, "join_text_aggregator"], "aggregator": ["naive_grouper", name]}.get(kind, [name])
    recipe.write_text(f"custom_operator_paths: operators\nprocess: {json.dumps(process)}\n")
    done = cli("run", recipe, "--input", source, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    made = kind in {"grouper", "aggregator"}
    assert ("3 grouped" if made else "3 in = 3 kept") in done.stdout
    (folder / f"{name}.py").unlink()
    assert "exists and is not overwritten" in the_one_line(cli(*new))
    assert not (folder / f"{name}.py").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["text_length_filter"], "text_length_filter: there is an operator of this name"),
        (["My-Filter"], "is no name of an operator; use lower-case letters"),
        (["shout_mapper", "--kind", "filter"], "the name says mapper, --kind says filter"),
    ],
)
def test_names_that_cannot_be_used(tmp_path, arguments, line):
    assert line in the_one_line(cli("operators", "new", *arguments, "--output", tmp_path))
    assert not [*tmp_path.iterdir()]


def test_check_prints_a_line_for_each_operator(tmp_path):
    path = tmp_path / "several.py"
    wrong = (
        MINE.replace("cli_score", "cli_wrong")
        .replace("CliScore", "CliWrong")
        .replace("values = [", "values = [9.0] + [")
    )
    forgotten = MINE.replace('@register("cli_score_filter")\n', "").replace("CliScore", "CliForgotten")
    path.write_text("\n\n".join((MINE, wrong, forgotten)))
    done = cli("operators", "check", path)
    assert done.returncode == 2
    assert done.stdout == "cli_score_filter: all well\n"
    first, second = done.stderr.splitlines()
    assert "CliWrongFilter.measure returned " in first
    assert "CliForgottenFilter has no @register" in second
    assert "no such Python file" in the_one_line(cli("operators", "check", tmp_path / "gone.py"))
    (tmp_path / "none.py").write_text("")
    assert "has no operator" in the_one_line(cli("operators", "check", tmp_path / "none.py"))
