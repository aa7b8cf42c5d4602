"""Exports to the Hugging Face hub, against a server on loopback that speaks its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import constants
from huggingface_hub.utils import _http
from typer.testing import CliRunner, Result

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import DjError, StoreError
from tests.documents import documents, write_jsonl
from tests.publish.export.hub_server import TOKEN, Hub, running_hub

NAME = "owner/corpus"
URL = f"hf://datasets/{NAME}"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    source = write_jsonl(folder / "a.jsonl", documents(400, seed=3))
    dj_assets.run_recipe({"process": [{"text_length_filter": {"min_len": 1}}]}, [source], folder / "out", workers=1)
    return folder / "out"


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    with running_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
        monkeypatch.setattr("dj_assets.publish.export.export._BATCH_BYTES", 8_000)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("DJ_CACHE", str(tmp_path / "cache"))
        yield server


def export(out: Path, *options: str, url: str = URL) -> Result:
    command = ["export", str(out), "--output", url, "--format", "huggingface", "--shard-size", "20kB"]
    return CliRunner().invoke(app, [*command, *options])


def failure(shown: Result) -> DjError:
    """Return the error of a command, which is one line and holds no token."""
    assert isinstance(shown.exception, DjError), shown.exception
    assert "\n" not in str(shown.exception)
    assert TOKEN not in str(shown.exception)
    return shown.exception


def tables(hub: Hub, branch: str = "main") -> list[dict]:
    found = hub.files(NAME, branch)
    parts = sorted(name for name in found if name.endswith(".parquet"))
    return [row for name in parts for row in pq.read_table(pa.BufferReader(found[name])).to_pylist()]


def refined(out: Path) -> list[dict]:
    return [row for part in sorted((out / "refined").iterdir()) for row in pq.read_table(part).to_pylist()]


def test_an_export_becomes_a_private_dataset_in_one_commit(hub, out):
    shown = export(out)
    assert shown.exit_code == 0, shown.output
    assert f"{URL}: {len(refined(out))} samples in " in shown.output
    assert hub.repositories[NAME].private
    assert tables(hub) == refined(out)
    files = hub.files(NAME)
    card = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert card["configs"][0]["data_files"] == [{"split": "train", "path": "part-*.parquet"}]
    run = json.loads((out / "run.json").read_text())["run_id"]
    ((summary, _),) = hub.repositories[NAME].commits
    assert run in summary
    assert json.loads(files["manifest.json"])["run_id"] == run
    everything = b"".join(files.values()) + shown.output.encode()
    assert TOKEN.encode() not in everything


def test_the_same_again_uploads_and_commits_nothing(hub, out):
    export(out)
    before = len(hub.uploads)
    assert before > 2
    assert export(out).exit_code == 0
    assert len(hub.uploads) == before
    assert len(hub.repositories[NAME].commits) == 1


def test_an_upload_that_is_cut_off_goes_on(hub, out):
    hub.let_through, hub.cut_uploads = 2, 10**9
    error = failure(export(out))
    assert isinstance(error, StoreError)
    assert str(error).startswith(f"{NAME} at {hub.address}: cannot be uploaded (")
    assert "run again: finished files are not uploaded again" in str(error)
    assert len(hub.uploads) == 2
    assert set(hub.files(NAME)) == set(), "nothing is there until all is"
    hub.cut_uploads = 0
    assert export(out).exit_code == 0
    assert len(hub.uploads) == len(set(hub.uploads)) == sum(name.endswith(".parquet") for name in hub.files(NAME))
    assert tables(hub) == refined(out)


def test_a_connection_that_breaks_once_is_tried_again(hub, out):
    hub.let_through, hub.cut_uploads = 1, 1
    assert export(out).exit_code == 0
    assert hub.cut_uploads == 0
    assert tables(hub) == refined(out)


def test_a_killed_upload_goes_on(hub, out, tmp_path):
    """The variables of the environment alone say which hub it is, as for a user."""
    hub.let_through, hub.cut_uploads = 3, 10**9
    command = [sys.executable, "-m", "dj_assets.cli", "export", str(out), "--output", URL]
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_DISABLE_XET": "1"}
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(
            [*command, "--format", "huggingface", "--shard-size", "20kB"], env=environment, stderr=said
        ) as process,
    ):
        # it tries the cut uploads again, with pauses
        while hub.cut_uploads == 10**9:
            assert process.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.05)
        process.kill()
    assert len(hub.uploads) == 3
    assert not hub.files(NAME)
    hub.cut_uploads = 0
    assert export(out).exit_code == 0
    assert len(hub.uploads) == len(set(hub.uploads))
    assert tables(hub) == refined(out)


def test_a_smaller_export_replaces_a_larger_one_and_a_branch_keeps_apart(hub, out, tmp_path):
    export(out)
    source = write_jsonl(tmp_path / "b.jsonl", documents(50, seed=5))
    process = {"process": [{"text_length_filter": {"min_len": 1}}]}
    dj_assets.run_recipe(process, [source], tmp_path / "small", workers=1)
    assert export(tmp_path / "small", url=f"{URL}@next").exit_code == 0
    assert tables(hub) == refined(out)
    assert tables(hub, "next") == refined(tmp_path / "small")
    asks = failure(export(tmp_path / "small"))
    assert "holds another export; choose a new folder or pass --overwrite" in str(asks)
    assert export(tmp_path / "small", "--overwrite").exit_code == 0
    assert tables(hub) == refined(tmp_path / "small")


def test_a_public_dataset_is_meant_to_be_public(hub, out):
    assert export(out, "--public").exit_code == 0
    assert not hub.repositories[NAME].private
    assert "this dataset is public; pass --public to upload to it" in str(failure(export(out)))


def test_other_tables_stay(hub, out):
    export(out)
    tree = hub.repositories[NAME].branches["main"]
    del tree["SHA256SUMS"]
    assert "holds other files (README.md); choose a new dataset or another branch" in str(failure(export(out)))


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (401, 2, "the hub does not accept the token; set HF_TOKEN to one that is valid"),
        (403, 2, "the token may not write there"),
        (404, 2, "the hub has no such dataset or branch for this token"),
        (500, 1, "the hub answered 500"),
    ],
)
def test_answers_that_refuse_are_one_line(hub, out, code, status, words):
    hub.refuse = code
    error = failure(export(out))
    assert error.exit_code == status
    assert words in str(error)


def test_a_hub_that_is_away_is_one_line(hub, out, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    error = failure(export(out))
    assert isinstance(error, StoreError)
    assert "cannot be uploaded (" in str(error)
    assert "check the network and HF_ENDPOINT" in str(error)


def test_wrong_targets_are_told_before_anything_is_written(hub, out, monkeypatch, tmp_path):
    for url in ("hf://models/a/b", "hf://datasets/a", "hf://datasets/a/b/c"):
        assert "names no dataset of the hub; write hf://datasets/OWNER/NAME" in str(failure(export(out, url=url)))
    shown = CliRunner().invoke(app, ["export", str(out), "--output", URL, "--format", "jsonl"])
    assert "the hub takes the format huggingface, not jsonl" in str(failure(shown))
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "the hub needs a token; set HF_TOKEN" in str(failure(export(out)))
    assert not hub.seen
