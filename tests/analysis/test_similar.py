"""Samples near a text, against the Jaccard similarities of their shingles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.analysis import similar as module
from dj_assets.analysis.similar import similar
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.subset.finished import finished_run

WORDS = [f"word{n % 97}x{n}" for n in range(120)]
STORED = {"document_minhash_deduplicator": {"window_size": 3, "num_permutations": 512, "jaccard_threshold": 0.4}}


def text(changed: int) -> str:
    """Return the text with its first words changed: of 118 shingles of 3 words, this number and 2 differ."""
    return " ".join([*(f"other{n}" for n in range(changed)), *WORDS[changed:]])


def jaccard(one: str, other: str, window: int) -> float:
    a, b = ({tuple(t.split()[i : i + window]) for i in range(len(t.split()) - window + 1)} for t in (one, other))
    return len(a & b) / len(a | b)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("similar")
    samples = [*(text(changed) for changed in range(0, 100, 4)), "A text of other words which is near no other one."]
    records = [{"text": f"  {sample}", "id": f"s{number}"} for number, sample in enumerate(samples)]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, records)))
    clean = {"whitespace_normalization_mapper": {}}
    for name, last in (("stored", STORED), ("plain", {"text_length_filter": {"max_len": len(text(20))}})):
        dj_assets.run_recipe({"process": [clean, last]}, [folder / "in.jsonl"], folder / name, workers=1)
    return folder


@pytest.mark.parametrize(("name", "window"), [("stored", 3), ("plain", 5)])
def test_similarities_are_those_of_the_shingles(folders: Path, name: str, window: int) -> None:
    asked = f" {text(2)}"
    found = similar({name: finished_run(str(folders / name))}, [asked], threshold=0.5, most=100)
    exact = [jaccard(text(changed), asked, window) for changed in range(0, 100, 4)]
    assert {s.id for s in found} >= {f"s{n}" for n, value in enumerate(exact) if value > 0.65}
    assert "s25" not in {s.id for s in found}
    assert [s.similarity for s in found] == sorted((s.similarity for s in found), reverse=True)
    for sample in found:
        assert sample.similarity == pytest.approx(exact[sample.row], abs=0.12)
    assert found[0].excerpt.startswith("word0x0 word1x1")
    kept = "document_minhash_deduplicator" if name == "stored" else "text_length_filter"
    assert {s.outcome for s in found} <= {"kept", kept}
    assert len({s.outcome for s in found}) == 2


def test_stored_signatures_are_read_and_no_text_is_signed_again(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Searched, "_values", None)
    with dj_assets.open(folders / "stored") as run:
        assert run.similar(text(0), most=1)[0].id == "s0"
        with pytest.raises(UserError, match="text 1 is too short for"):
            run.similar(text(0), "too short")


def test_the_command_searches_several_runs(folders: Path) -> None:
    (folders / "texts.jsonl").write_text(json.dumps({"text": text(40)}))
    runs = [str(folders / "stored"), str(folders / "plain")]
    asked = ["similar", *runs, "--text", text(0), "--file", str(folders / "texts.jsonl"), "--most", "2", "--json"]
    done = CliRunner().invoke(app, asked)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["text"], line["id"], line["similarity"]) for line in lines] == [
        (0, "s0", 1.0), (0, "s0", 1.0), (1, "s10", 1.0), (1, "s10", 1.0)
    ]  # fmt: skip
    assert {line["subset"] for line in lines} == set(runs)
    shown = CliRunner().invoke(app, ["similar", runs[1], "--text", "nobody wrote these six words here"])
    assert shown.stdout == "no sample with a similarity of at least 0.5\n"
    assert "--text TEXT or --file FILE" in str(CliRunner().invoke(app, ["similar", runs[0]]).exception)
