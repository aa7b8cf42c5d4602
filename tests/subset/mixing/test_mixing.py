"""Mixtures: exact amounts, one order for one seed, and a subset that exports take."""

from __future__ import annotations

import base64
import collections
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.media.locations import Root
from dj_assets.media.made import name_of
from dj_assets.publish.export.export import Export
from dj_assets.publish.export.tokens import TokenSettings
from dj_assets.recipe.mixture import load_mix
from dj_assets.subset.finished import finished_run
from dj_assets.subset.mixing import mixed_files
from dj_assets.subset.mixing.mixing import make_mix
from dj_assets.subset.pruning import housekeeping
from tests.documents import write_jsonl
from tests.paths import ROOT

MODEL = ROOT / "dj_assets/models/demo/en.sp.model"
PROCESS = {"process": [{"text_length_filter": {"min_len": 1}}]}
SIZES = {"a": 100, "b": 40, "c": 7}


@pytest.fixture(scope="module")
def subsets(tmp_path_factory) -> Path:
    """Three subsets of numbered samples; that of `b` has another column, and one of another type."""
    folder = tmp_path_factory.mktemp("subsets")
    for name, size in SIZES.items():
        more = {"b": {"extra": [1], "n": "word"}}.get(name, {})
        records = [
            {"id": f"{name}{n}", "text": f"{name} " + "word " * (n % 5 + 1), "n": n, **more} for n in range(size)
        ]
        files = [write_jsonl(folder / f"{name}-{part}.jsonl", records[part::2]) for part in range(2)]
        dj_assets.run_recipe(PROCESS, files, folder / name, workers=1)
    return folder


@pytest.fixture(autouse=True)
def here(subsets, monkeypatch):
    monkeypatch.chdir(subsets)


def written(folder: Path, **content: object) -> Path:
    path = folder / "m.mix.yaml"
    path.write_text(yaml.safe_dump({"name": "m", "seed": 3, **content}, sort_keys=False))
    return path


def mixed(folder: Path) -> list[dict]:
    return [row for part in sorted((folder / "refined").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]


def make(tmp_path: Path, **content: object) -> list[dict]:
    make_mix(load_mix(written(tmp_path, **content)), tmp_path / "out")
    return mixed(tmp_path / "out")


def counts(rows: list[dict]) -> dict[str, int]:
    return dict(collections.Counter(row["__dj_subset__"] for row in rows))


def test_weights_give_exact_counts_in_every_stretch(tmp_path):
    rows = make(tmp_path, samples=50, subsets={"a": {"weight": 3}, "b": {"weight": 1.5}, "c": {"weight": 0.5}})
    assert counts(rows) == {"a": 30, "b": 15, "c": 5}
    assert len({row["id"] for row in rows}) == 50
    for at in range(0, 50, 10):
        part = counts(rows[at : at + 10])
        assert 5 <= part["a"] <= 7
        assert 2 <= part["b"] <= 4


def test_columns_of_all_subsets_are_there_with_the_samples_as_they_were(subsets, tmp_path):
    rows = make(tmp_path, subsets={name: {"epochs": 1} for name in SIZES})
    assert counts(rows) == SIZES
    for name in SIZES:
        refined = {
            row["id"]: row
            for part in sorted((subsets / name / "refined").iterdir())
            for row in pq.read_table(part).to_pylist()
        }
        for row in rows:
            if row["__dj_subset__"] == name:
                was = refined[row["id"]]
                assert row["text"] == was["text"]
                assert json.loads(row["n"]) == was["n"]
                assert row["extra"] == was.get("extra")


def test_epochs_repeat_samples_one_epoch_after_the_other(tmp_path):
    rows = make(tmp_path, subsets={"c": {"epochs": 2.5}, "b": {"samples": 4}})
    own = [row for row in rows if row["__dj_subset__"] == "c"]
    assert len(own) == 18
    assert [row["__dj_epoch__"] for row in own] == [0] * 7 + [1] * 7 + [2] * 4
    orders = [[row["id"] for row in own[at : at + 7]] for at in (0, 7)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    manifest = json.loads((tmp_path / "out/run.json").read_text())
    assert manifest["samples_in"] + manifest["created"] == manifest["samples_out"] + manifest["dropped"]
    share = manifest["mix"][0]
    assert (share["available"], share["samples"], share["distinct"], share["epochs"]) == (7, 18, 7, 3)


def test_budgets_of_tokens_are_met_to_less_than_a_document(tmp_path):
    rows = make(tmp_path, tokenizer=str(MODEL), tokens=600, subsets={"a": {"weight": 2}, "b": {"weight": 1}})
    lengths = collections.Counter()
    for row in rows:
        lengths[row["__dj_subset__"]] += len(TokenSettings(MODEL).open().documents([row["text"]])[0])
    assert 385 < lengths["a"] <= 400
    assert 185 < lengths["b"] <= 200
    manifest = json.loads((tmp_path / "out/run.json").read_text())
    assert {share["subset"]: share["tokens"] for share in manifest["mix"]} == lengths
    done = Export(Layout.output(tmp_path / "out"), tmp_path / "e", "megatron", 10**6, TokenSettings(MODEL)).run()
    assert done.count("tokens") == lengths.total()


def test_one_seed_is_one_mix_and_another_seed_another(tmp_path, monkeypatch):
    content = {"samples": 60, "subsets": {"a": {"weight": 1}, "b": {"weight": 1}}}
    ids = [row["id"] for row in make(tmp_path, **content)]
    (tmp_path / "again").mkdir()
    monkeypatch.setattr(mixed_files, "_BATCH_BYTES", 500)
    monkeypatch.setattr(mixed_files, "_FILE_BYTES", 1_000)
    assert [row["id"] for row in make(tmp_path / "again", **content)] == ids
    assert len(list((tmp_path / "again/out/refined").iterdir())) > 3
    (tmp_path / "other").mkdir()
    assert [row["id"] for row in make(tmp_path / "other", **content, seed=4)] != ids
    assert ids[:6] == ["a3", "b17", "a54", "b33", "b5", "a31"], "the same on every machine"


def test_the_same_again_is_there_and_another_one_takes_its_place(subsets, tmp_path):
    path = written(tmp_path, samples=10, subsets={"a": {"weight": 1}})
    first, is_new = make_mix(load_mix(path), tmp_path / "out")
    assert is_new
    assert make_mix(load_mix(path), tmp_path / "out") == (first, False)
    path = written(tmp_path, samples=12, subsets={"a": {"weight": 1}})
    assert make_mix(load_mix(path), tmp_path / "out")[1]
    assert len(mixed(tmp_path / "out")) == 12
    with pytest.raises(UserError, match="holds a subset that is no mix"):
        make_mix(load_mix(path), subsets / "b")


KILLED = """
import os, signal, sys
from pathlib import Path
from dj_assets.subset.finished import finished_run
from dj_assets.subset.mixing import mixed_files
from dj_assets.recipe.mixture import load_mix
from dj_assets.subset.mixing.mixing import make_mix
mixed_files._sorted_file = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
make_mix(load_mix(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_a_killed_mix_leaves_the_old_one(tmp_path):
    rows = make(tmp_path, samples=10, subsets={"a": {"weight": 1}})
    path = written(tmp_path, samples=20, subsets={"a": {"weight": 1}})
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "out")]
    assert subprocess.run(command, check=False, env=dict(os.environ)).returncode == -signal.SIGKILL
    assert mixed(tmp_path / "out") == rows
    assert len(make(tmp_path, samples=20, subsets={"a": {"weight": 1}})) == 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"subsets": {"a": {"weight": 1}}}, "weights need the size of the whole mix: add samples or tokens"),
        (
            {"samples": 5, "subsets": {"a": {"weight": 1}, "b": {"epochs": 1}}},
            "either all subsets have a weight, or none",
        ),
        ({"subsets": {"a": {}}}, "subsets.a: needs exactly one of weight, samples, tokens, epochs, not 0"),
        ({"subsets": {"a": {"tokens": 5}}}, "amounts in tokens need a tokenizer: add tokenizer"),
        ({"subsets": {"a": {"epochs": -1}}}, "subsets.a.epochs: Input should be greater than 0"),
        ({"subsets": {"a": {"epochs": 1}}, "sed": 1}, "sed: .*; a mix has name, seed, samples or tokens, and subsets"),
        ({"subsets": {}}, "subsets: Dictionary should have at least 1 item"),
        ({"subsets": {"c": {"samples": 8}}}, "subsets.c: has 7 samples, but 8 are asked for; .*set max_epochs: 1.15"),
        (
            {"tokenizer": str(MODEL), "subsets": {"c": {"tokens": 10**6}}},
            r"subsets.c: has \d+ tokens, but 1,000,000 are asked for; ask for less, or set max_epochs: ",
        ),
        ({"subsets": {"nothing_here": {"epochs": 1}}}, "subsets.nothing_here: "),
        ({"subsets": {"a": {"epochs": 1}}, "tokenizer": "none.json"}, "none.json: is no tokenizer"),
    ],
)
def test_wrong_mixes_are_one_line(tmp_path, content, words):
    with pytest.raises(UserError, match=words) as caught:
        make(tmp_path, **content)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out/refined").exists()


def test_every_sample_is_known_by_its_position_in_a_subset(subsets, tmp_path):
    """One subset has children of samples, whose positions are no line numbers."""
    records = [{"id": f"p{n}", "text": "one two three " * (n + 1), "n": n} for n in range(9)]
    source = write_jsonl(tmp_path / "p.jsonl", records)
    process = [{"text_chunk_mapper": {"max_len": 20}}, {"text_length_filter": {"min_len": 15}}]
    dj_assets.run_recipe({"process": process}, [source], tmp_path / "chunks", workers=1)
    rows = make(tmp_path, subsets={str(tmp_path / "chunks"): {"epochs": 1}, "b": {"samples": 20}, "c": {"epochs": 2}})
    with duckdb.connect(str(tmp_path / "out/stats.duckdb"), read_only=True) as database:
        columns = "subset, subset_shard, subset_row, epoch, id"
        lineage = database.execute(f"SELECT {columns} FROM lineage ORDER BY shard, row").fetchall()
        statistics = database.execute("SELECT id, text_len FROM stats ORDER BY shard, row").fetchall()
        shares = database.execute("SELECT subset, samples FROM mix ORDER BY subset").fetchall()
    origin = ("__dj_subset__", "__dj_shard__", "__dj_row__", "__dj_epoch__", "__dj_id__")
    assert lineage == [tuple(row[name] for name in origin) for row in rows]
    assert statistics == [(row["__dj_id__"], len(row["text"])) for row in rows]
    assert dict(shares) == counts(rows)
    for name in counts(rows):
        with duckdb.connect(str(subsets / name / "stats.duckdb"), read_only=True) as database:
            stats = database.execute("SELECT shard, row, id FROM stats").fetchall()
        known = {(shard, row): name for shard, row, name in stats}
        for row in rows:
            if row["__dj_subset__"] == name:
                assert known[row["__dj_shard__"], row["__dj_row__"]] == row["__dj_id__"]


def test_media_are_found_from_the_mix(tmp_path):
    """Subsets name their fields otherwise, and one holds the bytes; paths start from different folders."""
    for name in ("one", "two"):
        (tmp_path / name / "pictures").mkdir(parents=True)
        (tmp_path / name / "pictures/x.jpg").write_bytes(name.encode())
    tokens = {"image_special_token": "<image>"}
    first = write_jsonl(tmp_path / "one/i.jsonl", [{"id": "1", "text": "<image> a", "picture": "pictures/x.jpg"}])
    listed = [{"id": "2", "text": "<image> b", "images": ["x.jpg", "gone.jpg"]}, {"id": "3", "text": "no image"}]
    dj_assets.run_recipe({**PROCESS, **tokens, "image_key": "picture"}, [first], tmp_path / "s1", workers=1)
    second = write_jsonl(tmp_path / "two/i.jsonl", listed)
    source = {"path": str(second), "media_root": str(tmp_path / "two/pictures")}
    recipe = {**PROCESS, **tokens, "asset": {"subset": "s2", "group": "g", "source": source}}
    dj_assets.run_recipe(recipe, [second], tmp_path / "s2", workers=1)
    content = {"bytes": base64.b64encode(b"three").decode(), "path": "y.jpg"}
    third = write_jsonl(tmp_path / "three.jsonl", [{"id": "4", "text": "<image> c", "images": [content]}])
    dj_assets.run_recipe({**PROCESS, **tokens}, [third], tmp_path / "s3", workers=1)
    shares = {str(tmp_path / name): {"epochs": 1} for name in ("s1", "s2")}
    rows = {row["id"]: row["images"] for row in make(tmp_path, subsets=shares)}
    assert rows["1"] == [str(tmp_path / "one/pictures/x.jpg")]
    assert rows["2"] == [str(tmp_path / "two/pictures" / name) for name in ("x.jpg", "gone.jpg")]
    assert rows["3"] is None
    make(tmp_path, subsets={str(tmp_path / name): {"epochs": 1} for name in ("s1", "s3")})
    done = Export(Layout.output(tmp_path / "out"), tmp_path / "e", "webdataset", 10**6).run()
    with tarfile.open(tmp_path / "e" / done.parts[0].name) as tar:
        found = {tar.extractfile(member).read() for member in tar if member.name.endswith(".jpg")}
    assert found == {b"one", b"three"}
    write_jsonl(tmp_path / "two/i.jsonl", [{"id": "2", "text": "<image> b", "images": ["../../one/pictures/x.jpg"]}])
    dj_assets.run_recipe(recipe, [second], tmp_path / "s2", workers=1, overwrite=True)
    with pytest.raises(UserError, match="sample 2: a path of images lies outside of the media root") as caught:
        make(tmp_path, subsets=shares)
    assert "\n" not in str(caught.value)


def test_files_that_operators_made_and_urls_are_found_from_anywhere(tmp_path):
    made = name_of(b"x", ".jpg")
    (tmp_path / "own" / made).parent.mkdir(parents=True)
    (tmp_path / "own" / made).write_bytes(b"x")
    root = Root(str(tmp_path), allow_urls=True, made=str(tmp_path / "own/media"))
    assert Root("/").find(root.from_anywhere(made)).open().read() == b"x"
    assert root.from_anywhere("https://x.org/a.jpg") == "https://x.org/a.jpg"
    assert Root("s3://bucket/data").from_anywhere("a/b.jpg") == "s3://bucket/data/a/b.jpg"


def test_commands_take_a_mix(tmp_path):
    path = written(tmp_path, subsets={"a": {"epochs": 1}, "c": {"epochs": 2}})
    shown = CliRunner().invoke(app, ["mix", str(path), "--output", str(tmp_path / "out")])
    assert shown.exit_code == 0, shown.output
    assert "114 samples" in shown.output
    assert "12.28%" in shown.output
    out = str(tmp_path / "out")
    shown = CliRunner().invoke(app, ["export", out, "--output", str(tmp_path / "e"), "--format", "huggingface"])
    assert shown.exit_code == 0, shown.output
    assert "114 samples" in shown.output
    for command in ("verify", "runs"):
        shown = CliRunner().invoke(app, [command, out])
        assert shown.exit_code == 0, (command, shown.output, shown.exception)
    for command in (("explain", out, "--id", "a.jsonl:0"), ("rebuild", out)):
        shown = CliRunner().invoke(app, [*command])
        assert isinstance(shown.exception, UserError), command
        assert "is a mix, which runs no operator; name one of its subsets: a, c" in str(shown.exception)


def test_prune_keeps_a_mix_of_the_data_home_as_long_as_its_file_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    path = written(tmp_path, subsets={"a": {"epochs": 1}})
    manifest, _ = make_mix(load_mix(path))
    assert finished_run("m")[1] == manifest
    (found,) = housekeeping()
    assert (found.name, found.surplus) == ("m", [])
    path.unlink()
    (found,) = housekeeping()
    assert [file.why for file in found.surplus] == ["the file of this mixture is gone"]


def test_apportioned_numbers_have_the_sum():
    from dj_assets.subset.mixing.amounts import apportioned

    random = np.random.default_rng(0)
    for _ in range(100):
        total, weights = int(random.integers(1, 1000)), random.random(5).tolist()
        parts = apportioned(total, weights)
        assert sum(parts) == total
        assert all(abs(part - total * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))
