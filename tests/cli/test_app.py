from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from dj_assets import __version__
from dj_assets.cli.app import Commands, app
from dj_assets.home.json_files import read_json, write_document
from tests.documents import documents, write_jsonl
from tests.paths import ROOT

RECIPE = "process:\n  - text_length_filter:\n      min_len: 20\n  - document_simhash_deduplicator:\n"


def cli(*arguments: object, **env: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "dj_assets.cli", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "200"} | env
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "web.jsonl.gz", documents(80))


def the_one_line(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_run_and_funnel(tmp_path, recipe, source):
    done = cli("run", recipe, "--input", source, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert f"80 in = {run['samples_out']} kept + {run['dropped']} dropped + 0 quarantined" in done.stdout
    assert "text_length_filter" in done.stdout
    assert cli("funnel", tmp_path / "out").stdout == done.stdout


def test_a_run_that_finds_the_result_says_so_with_its_own_seconds(tmp_path, recipe, source):
    arguments = ("run", recipe, "--input", source, "--output", tmp_path / "out")
    assert "already there" not in cli(*arguments).stdout
    path = next((tmp_path / "out/.dj/runs").glob("*.json"))
    slow = read_json(path)
    write_document(path, {**slow, "seconds": {"measure": 4321.0}})
    again = cli(*arguments)
    assert again.returncode == 0, again.stderr
    assert f"already there since {slow['finished']}, nothing was written; " in again.stdout
    assert "4321" not in again.stdout and "peak" not in again.stdout
    assert "4321.0 s" in cli("funnel", tmp_path / "out").stdout, "the record keeps its own seconds"


def test_files_as_a_shell_lists_them(tmp_path, recipe):
    files = [write_jsonl(tmp_path / f"{name}.jsonl", documents(20, seed=n)) for n, name in enumerate("ab")]
    done = cli("run", recipe, "--input", *files, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "40 in = " in done.stdout


def test_runs_and_diff(tmp_path, recipe, source):
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out").returncode == 0
    assert "has one run so far" in the_one_line(cli("diff", tmp_path / "out"))
    recipe.write_text(RECIPE.replace("20", "300"))
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out", "--overwrite").returncode == 0
    newest, older = [line.split()[0] for line in cli("runs", tmp_path / "out").stdout.splitlines()[1:]]
    done = cli("diff", f"{tmp_path / 'out'}@{older[-8:]}", f"{tmp_path / 'out'}@{newest}")
    assert done.returncode == 0, done.stderr
    assert "text_length_filter: min_len 20 → 300" in done.stdout
    assert cli("diff", tmp_path / "out").stdout == done.stdout
    assert "it has no such run; the newest are" in the_one_line(cli("diff", f"{tmp_path / 'out'}@nothing"))


def test_every_command_has_an_example():
    groups = {(): get_command(app)}
    for path, group in groups.copy().items():
        groups |= {(*path, name): one for name, one in group.commands.items() if hasattr(one, "commands")}
    for path, group in groups.items():
        for name, one in group.commands.items():
            if (*path, name) not in groups:
                example = " ".join(["dj-assets", *path, name])
                assert (one.epilog or "").startswith(f"Example: {example}"), example


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("arxib", "neither a folder nor a subset of the gallery; did you mean 'arxiv'?"),
        ("C4", "did you mean 'c4'?"),
        ("redpajama/c4", "was not run yet; materialize it in the UI, which 'dj-assets dev' starts"),
        ("recipes", "recipes: holds no finished run; 'dj-assets run' writes one"),
    ],
)
def test_what_was_not_run_is_told_from_what_is_not_known(tmp_path, given, told):
    assert told in the_one_line(cli("funnel", given, DJ_HOME=str(tmp_path)))


def test_odd_ids_are_found(tmp_path, recipe):
    ids = ["two words", "a,b", "ünï/çødé 文", "[bold]x", "twice", "twice", "--id", "new\nline"]
    records = [{"id": id, "text": f"{'something to read ' * 9} {n}"} for n, id in enumerate(ids)]
    source = write_jsonl(tmp_path / "odd.jsonl", records)
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out").returncode == 0
    for id in ids:
        done = cli("explain", tmp_path / "out", f"--id={id}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(f"{id}: ") == ids.count(id)


def test_a_sample_that_no_operator_saw(tmp_path, recipe):
    source = tmp_path / "bad.jsonl"
    source.write_text(json.dumps({"text": "something to read " * 9}) + '\n{"text": null}\n{broken\n')
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out").returncode == 0
    assert "dropped by load: no text" in (told := cli("explain", tmp_path / "out", "--id", "bad.jsonl:1").stdout)
    assert "no operator processed it" in told
    assert "quarantined by load: broken JSON" in cli("explain", tmp_path / "out", "--id", "bad.jsonl:2").stdout


def test_report(tmp_path, recipe, source):
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out").returncode == 0
    paths = [Path(line) for line in cli("report", tmp_path / "out").stdout.splitlines()]
    assert [path.name for path in paths] == ["report.html", "dataset_card.md"]
    assert all(path.exists() for path in paths)
    paths[0].unlink()
    assert "report.html: is missing; make it again with" in the_one_line(cli("report", tmp_path / "out"))


def test_run_against_another_set(tmp_path, recipe, source):
    test = write_jsonl(tmp_path / "test.jsonl", documents(80)[:3])
    arguments = ("run", recipe, "--input", source, "--output", tmp_path / "out", "--against", test)
    done = cli(*arguments)
    assert done.returncode == 0, done.stderr
    against = json.loads((tmp_path / "out/run.json").read_text())["against"]
    assert (against["samples"], against["files"][0]["path"]) == (3, str(test))
    assert against["dropped"] > 0
    assert f"{against['dropped']} of the dropped are duplicates of the reference set (3 samples)" in done.stdout
    assert "no such file" in the_one_line(cli(*arguments, "--against", tmp_path / "gone.jsonl"))


def test_explain_tells_why_a_sample_left(tmp_path, recipe, source):
    cli("run", recipe, "--input", source, "--output", tmp_path / "out")
    short = next(n for n, record in enumerate(documents(80)) if record["text"] == "short")
    done = cli("explain", tmp_path / "out", "--id", f"web.jsonl.gz:{short}")
    assert done.returncode == 0, done.stderr
    assert f"web.jsonl.gz:{short}: dropped by text_length_filter: below min_len 20" in done.stdout
    assert "× text_length_filter" in done.stdout
    assert "text_len = 5, fails (min_len 20)" in done.stdout
    assert "no sample has the id 'x'" in the_one_line(cli("explain", tmp_path / "out", "--id", "x"))


def test_jsonl_limit_and_overwrite(tmp_path, recipe, source):
    arguments = ("run", recipe, "--input", source, "--output", tmp_path / "out")
    assert cli(*arguments).returncode == 0
    assert the_one_line(cli(*arguments, "--limit", 10)).endswith("choose a new folder or pass --overwrite")
    assert cli(*arguments, "--limit", 10, "--format", "jsonl", "--overwrite").returncode == 0
    assert [path.name for path in (tmp_path / "out/refined").iterdir()] == ["part-00000.jsonl"]


def test_validate_and_plan(tmp_path, recipe, source):
    assert "2 operators, all well, 1 file\n" in cli("validate", recipe, "--input", source).stdout
    shown = cli("plan", recipe, "--input", source).stdout
    assert "computes signatures, then clusters" in shown
    assert "text_len" in shown
    assert "\n1 file, " in shown


def test_a_demo_model_is_announced():
    done = cli("validate", "recipes/redpajama/c4.yaml", DJ_HOME="/nowhere", DJ_MODELS="")
    assert done.returncode == 0
    assert "note: en.arpa.bin is en.arpa.bin (demo and tests only)" in done.stderr


def test_version_and_help_are_quick():
    assert cli("--version").stdout.strip() == __version__
    started = time.perf_counter()
    shown = cli("--help")
    assert time.perf_counter() - started < 3
    for command in ("dev", "run", "validate", "plan", "funnel", "models"):
        assert command in shown.stdout


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("process: [text_lenght_filter]\n", "unknown operator; did you mean 'text_length_filter'?"),
        (RECIPE.replace("min_len", "min_lenn"), "min_lenn: unknown parameter; did you mean 'min_len'?"),
        ("process:\n  - perplexity_filter:\n      lang: ja\n", "model 'ja.sp.model' is missing"),
    ],
)
def test_a_mistake_in_the_recipe_is_one_line_and_exit_2(tmp_path, source, written, line):
    path = tmp_path / "wrong.yaml"
    path.write_text(written)
    for arguments in (("validate", path), ("run", path, "--input", source, "--output", tmp_path / "out")):
        said = the_one_line(cli(*arguments))
        assert said.startswith(f"error: {path}: process[0]")
        assert line in said


def test_mistakes_in_the_input_are_one_line_and_exit_2(tmp_path, recipe, source):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.jsonl").write_text('{"body": "x"}\n')
    cases = {
        tmp_path / "wob.jsonl.gz": "no such",
        tmp_path / "empty": "holds no file that can be read",
        recipe: "unknown ending",
        tmp_path / "none.jsonl": "no record has the key 'text' (keys seen: body)",
    }
    for given, part in cases.items():
        line = the_one_line(cli("run", recipe, "--input", given, "--output", tmp_path / f"out-{given.name}"))
        assert line.startswith("error: ")
        assert str(given) in line
        assert part in line
    assert "web.jsonl.gz" in the_one_line(cli("validate", recipe, "--input", tmp_path / "wob.jsonl.gz"))


def test_a_file_that_breaks_off_says_where(tmp_path, recipe, source):
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(source.read_bytes()[:-200])
    line = the_one_line(cli("run", recipe, "--input", cut, "--output", tmp_path / "out"))
    assert str(cut) in line
    assert "byte" in line
    assert "fetch it again" in line


def test_tune_proposes_and_writes(tmp_path, recipe, source):
    assert cli("run", recipe, "--input", source, "--output", tmp_path / "out").returncode == 0
    arguments = ("tune", recipe, "--from", tmp_path / "out")
    shown = cli(*arguments, "--rule", "quantile=0.3,1", "--write", tmp_path / "new.yaml")
    assert shown.returncode == 0, shown.stderr
    assert "retention, whole recipe: " in shown.stdout
    before, after = recipe.read_text().splitlines(), (tmp_path / "new.yaml").read_text().splitlines()
    assert [number for number, line in enumerate(after) if line != before[number]] == [2]
    assert "unknown rule '5sigma'" in the_one_line(cli(*arguments, "--rule", "5sigma"))
    assert "neither a recipe file nor a subset" in the_one_line(cli("tune", "no_such_subset"))


def test_export(tmp_path, recipe, source):
    cli("run", recipe, "--input", source, "--output", tmp_path / "out")
    arguments = ("export", tmp_path / "out", "--output", tmp_path / "e", "--format", "jsonl.zst")
    assert "samples in 1 part," in cli(*arguments).stdout
    assert "(1 part already there)" in cli(*arguments).stdout
    assert "holds another export" in the_one_line(cli(*arguments, "--shard-size", "5MB"))
    assert "--shard-size: 'many' is no size" in the_one_line(cli(*arguments, "--shard-size", "many"))
    assert "holds no finished run" in the_one_line(cli("export", tmp_path, "--output", tmp_path / "f"))


def test_funnel_of_nothing(tmp_path):
    assert the_one_line(cli("funnel", tmp_path)).startswith(f"error: {tmp_path}: holds no finished run")


def test_models_are_listed_and_verified(tmp_path):
    listed = cli("models", "list", DJ_HOME=str(tmp_path))
    assert listed.returncode == 0, listed.stderr
    assert "lid.176.bin" in listed.stdout
    assert cli("models", "verify", DJ_HOME=str(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    ("error", "raised", "code", "told"),
    [
        (EOFError("short"), RuntimeError, 1, ""),
        (KeyboardInterrupt(), SystemExit, 130, "interrupted; finished files are"),
    ],
)
def test_an_early_end_is_told(error: BaseException, raised: type[BaseException], code: int, told: str):
    commands = typer.Typer(cls=Commands)

    @commands.command()
    def one() -> None:
        raise error

    @commands.command()
    def other() -> None: ...

    done = CliRunner().invoke(commands, ["one"])
    assert (type(done.exception), done.exit_code) == (raised, code)
    assert told in done.stderr
    assert "Aborted" not in done.stderr


def test_no_sample_sends_a_command_to_the_terminal(tmp_path: Path):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
    source = tmp_path / "in.jsonl"
    records = [{"id": f"{name}{evil}", "text": f"the same text {evil}"} for name in "ab"]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "mine.yaml").write_text("process: [text_length_filter, document_deduplicator]\n")
    output = tmp_path / "out"
    assert cli("run", tmp_path / "mine.yaml", "--input", source, "--output", output).returncode == 0
    told = [
        cli("explain", output, "--id", f"b{evil}"),
        cli("explain", output, "--id", f"c{evil}"),
        cli("diff", output, output),
        cli("validate", f"{evil}.yaml"),
    ]
    assert "duplicate of a\\u001b]0;owned\\u001b[2J\\u009b31m\\u202e" in told[0].stdout
    for done in told:
        for character in "\x1b\x07\x9b\u202e":
            assert character not in done.stdout + done.stderr
