"""Data sets of the hub as sources, against a server on loopback that behaves like the hub."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dj_assets.cli.app import app
from dj_assets.errors import SourceError, StoreError, UserError
from dj_assets.recipe.inputs import inputs_of
from dj_assets.sources.readers import Reader, parse
from dj_assets.sources.sources import resolve
from dj_assets.stores import filesystems, retry
from dj_assets.stores.hub import pinned
from tests.stores.hub_server import Hub, serving


def table(texts: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), out)
    return out.getvalue()


def lines(texts: list[str]) -> bytes:
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)


FILES = {
    "README.md": b"# A data set",
    ".gitattributes": b"*.parquet filter=lfs",
    "data/part-2.jsonl": lines([f"two {number}" for number in range(50)]),
    "data/part-10.parquet": table([f"ten {number}" for number in range(50)]),
}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(retry, "_FIRST_PAUSE_S", 0.001)
        filesystems._opened.cache_clear()
        yield server
    filesystems._opened.cache_clear()


def texts(url: str, base: Path) -> list[str]:
    found = []
    for number, file in enumerate(resolve([url], base)):
        for block in Reader(file, number).blocks():
            found += parse(block, text_key="text", name=file.path.name).rows["text"].to_pylist()
    return found


def test_a_data_set_is_read_at_the_commit_that_it_has_now(hub: Hub, tmp_path):
    commit = hub.commit("owner/name", FILES)
    expected = [f"two {number}" for number in range(50)] + [f"ten {number}" for number in range(50)]
    for url in ("", "/data", "/data/part-*", "/**/part-*", "@main/data", f"@{commit}"):
        assert texts(f"hf://datasets/owner/name{url}", tmp_path) == expected, url
    files = resolve(["hf://datasets/owner/name"], tmp_path)
    assert str(files[0].path) == f"hf://datasets/owner/name@{commit}/data/part-2.jsonl"
    newer = hub.commit("owner/name", {"x.jsonl": lines(["new"])})
    # another commit changes nothing for files that were found before
    assert [*Reader(files[0], 0).blocks()]
    assert texts("hf://datasets/owner/name", tmp_path) == ["new"]
    assert texts(f"hf://datasets/owner/name@{commit}/data/part-2.jsonl", tmp_path) == expected[:50]
    assert pinned("hf://datasets/owner/name").endswith(newer)


def test_a_private_data_set_needs_the_token(hub: Hub, tmp_path, monkeypatch):
    hub.commit("owner/own", FILES)
    hub.private.add("owner/own")
    with pytest.raises(UserError, match=r"the hub has no such data set; check the name, and HF_TOKEN"):
        resolve(["hf://datasets/owner/own"], tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert len(texts("hf://datasets/owner/own", tmp_path)) == 100


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("hf://datasets/owner/none", "the hub has no such data set"),
        ("hf://datasets/owner/name@v2", "has no revision 'v2'"),
        ("hf://datasets/name", "names no data set of the hub; write hf://datasets/OWNER/NAME"),
        ("hf://owner/name", "names no data set of the hub"),
        ("hf://datasets/owner/name/none", "no such object, and none below it"),
        ("hf://datasets/owner/name/none/*.jsonl", "no object matches"),
    ],
)
def test_what_is_not_there_is_one_line(hub: Hub, tmp_path, url, problem):
    hub.commit("owner/name", FILES)
    with pytest.raises(UserError, match=problem) as raised:
        resolve([url], tmp_path)
    assert "\n" not in str(raised.value)


def test_the_name_of_a_data_set_alone_says_how_it_is_written(tmp_path):
    with pytest.raises(SourceError, match="a data set of the hub is written hf://datasets/allenai/c4"):
        resolve(["allenai/c4"], tmp_path)
    with pytest.raises(SourceError, match=r"no such file or folder$"):
        resolve(["data/c4.jsonl"], tmp_path)


def test_a_recipe_of_data_juicer_names_a_data_set():
    def of(**more: str) -> object:
        return inputs_of({"dataset": {"configs": [{"type": "remote", "source": "huggingface", **more}]}}, "x.yaml")

    assert of(path="owner/name").sources[0].paths == ("hf://datasets/owner/name",)
    assert not of(path="owner/name", split="train").sources
    assert "split is not read" in of(path="owner/name", split="train").notices[0]


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": "part-2.jsonl"}])
def test_a_hub_that_fails_is_one_line(hub: Hub, tmp_path, fault):
    hub.commit("owner/name", FILES)
    for name, value in fault.items():
        setattr(hub, name, value)
    with pytest.raises(StoreError, match=r"failed 6 times .*run again to go on") as raised:
        texts("hf://datasets/owner/name", tmp_path)
    assert "\n" not in str(raised.value)


def test_a_hub_that_is_not_there_is_one_line(hub: Hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="failed 6 times"):
        resolve(["hf://datasets/owner/name"], tmp_path)


def test_a_second_run_goes_on_after_the_network_failed(hub: Hub, tmp_path, monkeypatch):
    commit = hub.commit("owner/name", {f"{number}.jsonl": lines([f"text {number}"] * 3) for number in range(4)})
    hub.private.add("owner/name")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("project_name: r\nprocess:\n  - text_length_filter: {min_len: 1}\n")
    run = ["run", str(recipe), "--input", "hf://datasets/owner/name", "--output", str(tmp_path / "out")]
    hub.cut = "2.jsonl"
    first = CliRunner().invoke(app, [*run, "--workers", "1"])
    assert first.exit_code != 0
    assert isinstance(first.exception, StoreError)
    assert "run again to go on" in str(first.exception)
    asked = {number: hub.fetched(f"{number}.jsonl") for number in range(4)}
    hub.cut = ""
    second = CliRunner().invoke(app, [*run, "--workers", "1"])
    assert second.exit_code == 0, second.output
    assert hub.fetched("/0.jsonl") == asked[0] == 1
    assert hub.fetched("/1.jsonl") == asked[1] == 1
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in written if hub.token.encode() in path.read_bytes()]
    manifest = (tmp_path / "out" / "run.json").read_text()
    assert f"hf://datasets/owner/name@{commit}/3.jsonl" in manifest
