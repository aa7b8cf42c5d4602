"""Secrets that are planted in the environment, in URLs and in samples: no message and no file of a run repeats them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dj_assets import variables
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.recipe.model import Recipe
from dj_assets.subset.inputs import against_of, files_of
from dj_assets.urls import without_credentials
from tests.models.chat_server import chat_server
from tests.stores.hub_server import serving

PLANTED = "planted-secret-0123456789"
URL = f"s3://user:{PLANTED}@bucket/data.jsonl"
# Fields of samples stay as they are; these columns hold them.
OF_SAMPLES = {"fields", "images", "text", "fields_json"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in variables.SECRETS:
        monkeypatch.setenv(variable.name, f"{PLANTED}-{variable.name}")
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("process:\n  - document_deduplicator:\n")
    (tmp_path / "source.yaml").write_text(f"dataset_path: {URL}\nprocess:\n  - document_deduplicator:\n")
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "A sample."}\n')
    return tmp_path


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    return "\n".join([done.output, done.stderr, repr(done.exception)])


COMMANDS = {
    "input": ["run", "recipe.yaml", "--input", URL, "--output", "out"],
    "output": ["run", "recipe.yaml", "--input", "in.jsonl", "--output", URL],
    "reference": ["run", "recipe.yaml", "--input", "in.jsonl", "--output", "out", "--against", URL],
    "recipe": ["validate", "source.yaml"],
    "plan": ["plan", "source.yaml"],
    "fetch": ["fetch", URL, "--output", "out"],
    "verify": ["verify", URL],
    "explain": ["explain", URL, "--id", "a"],
    "settings": ["config"],
    "settings as JSON": ["config", "--json"],
    "signed": ["run", "recipe.yaml", "--input", f"http://host:80/x.jsonl?sig={PLANTED}", "--output", "out"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_repeats_a_secret(folder: Path, name: str) -> None:
    message = said(*COMMANDS[name])
    assert PLANTED not in message
    assert "***" in message or name.startswith("settings")


def test_libraries_are_not_asked_about_urls_with_credentials(folder: Path) -> None:
    recipe = Recipe("recipe.yaml", ())
    for ask in (lambda: files_of(recipe, [URL]), lambda: against_of(recipe, (), [URL])):
        with pytest.raises(UserError, match=r"s3://\*\*\*@bucket"):
            ask()


def test_no_file_of_a_run_repeats_the_secret_of_a_url(folder: Path) -> None:
    url = f"http://user:{PLANTED}@127.0.0.1:9/a.png?sig={PLANTED}"
    (folder / "in.jsonl").write_text(json.dumps({"id": "a", "text": "A sample.", "images": [url]}) + "\n")
    source = {"paths": [str(folder / "in.jsonl")], "allow_urls": True}
    recipe = {"asset": {"subset": "s", "group": "g", "source": source}, "process": ["image_shape_filter"]}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    output = folder / "out"
    arguments = ["run", "recipe.yaml", "--input", "in.jsonl", "--output", str(output), "--workers", "1"]
    assert PLANTED not in said(*arguments)
    assert PLANTED not in said("explain", str(output), "--id", "a")
    [row] = pq.read_table(output / "quarantine.parquet").to_pylist()
    assert row["error"].startswith("http://***@127.0.0.1:9/a.png?***: cannot be fetched")
    written = {path.relative_to(output): _content(path) for path in output.rglob("*") if path.is_file()}
    assert Path("report.html") in written
    assert [name for name, content in written.items() if PLANTED in content] == []


@pytest.mark.parametrize("status", [400, 401])
def test_a_server_that_repeats_the_key_does_not_bring_it_into_a_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def repeats(handler: Any, _: str) -> bool:
        # the key begins before the place where the message is cut
        said = f"{'x' * 170} {handler.headers['Authorization']} is no key"
        handler.send({"error": said}, status)
        return True

    (folder / "recipe.yaml").write_text("process:\n  - llm_quality_score_filter:\n")
    with chat_server() as server:
        server.fault = repeats
        monkeypatch.setenv("DJ_LLM", server.url)
        message = said("run", "recipe.yaml", "--input", "in.jsonl", "--output", "out", "--workers", "1")
        assert server.keys == {f"Bearer {PLANTED}-OPENAI_API_KEY"}, message
    assert "***" in message or status != 401
    written = {path: _content(path) for path in folder.rglob("*") if path.is_file() and path.name != "source.yaml"}
    # the cut leaves no part of the key either
    assert PLANTED[:8] not in message
    assert [path for path, content in written.items() if PLANTED[:8] in content] == []


def test_the_token_of_the_hub_is_in_no_file_of_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hub:
        hub.token = f"{PLANTED}-HF_TOKEN"
        hub.private.add("owner/own")
        hub.commit("owner/own", {"a.jsonl": b'{"text": "A text."}\n'})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        arguments = ["--output", str(folder / "out"), "--workers", "1"]
        message = said("run", "recipe.yaml", "--input", "hf://datasets/owner/own", *arguments)
        assert (folder / "out/run.json").exists(), message
        hub.status = 403
        refused = said("run", "recipe.yaml", "--input", "hf://datasets/owner/own@main/b*", *arguments)
    assert "HF_TOKEN" in refused
    assert PLANTED not in message + refused
    written = {path: _content(path) for path in folder.rglob("*") if path.is_file() and path.name != "source.yaml"}
    assert [path for path, content in written.items() if PLANTED in content] == []


def _content(path: Path) -> str:
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return str(table.drop_columns([*OF_SAMPLES & {*table.column_names}]).to_pylist())
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as database:
            names = database.execute("SELECT table_name FROM information_schema.tables").fetchall()
            return str([database.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names])
    return path.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("a://b/c", "a://b/c"),
        ("see http://u@h/p?q, or http://h?x=1.", "see http://***@h/p?***, or http://h?***."),
        ("http://u:p@w@h/x", "http://***@h/x"),
        ("mail me@example.com?", "mail me@example.com?"),
    ],
)
def test_credentials_of_urls_are_masked(text: str, masked: str) -> None:
    assert without_credentials(text) == masked
