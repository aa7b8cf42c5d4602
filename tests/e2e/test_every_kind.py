"""A recipe with an operator of every kind: any number of workers, and a kill at any moment, give the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import dj_assets
from tests.every_kind import results, write_answers, write_source

FILES, SAMPLES = 3, 30


def first_image(output: Path) -> bool:
    return any((output / "media").glob("*/[!.]*"))


def first_answer(output: Path) -> bool:
    return any((output / "generations").glob("*/[!.]*"))


def grouping(output: Path) -> bool:
    return (output / ".dj/under_way/groups").exists()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every_kind") / "in"
    write_source(folder, FILES, SAMPLES)
    return folder


@pytest.fixture(scope="module")
def answers(source: Path) -> str:
    return write_answers(source.parent / "answers.json")


@pytest.fixture(scope="module")
def undisturbed(source: Path, answers: str) -> dict[str, object]:
    output = source.parent / "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJ_LLM", answers)
        dj_assets.run_recipe(source.parent / "every_kind.yaml", sorted(source.glob("*.jsonl")), output, workers=1)
    return results(output)


def start(source: Path, answers: str, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(source.parent / "every_kind.yaml"), "--workers", "2"]
    options = ["--input", str(source / "*.jsonl"), "--output", str(output)]
    environment = {**os.environ, "DJ_LLM": answers}
    return subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_every_kind_has_something_to_do(undisturbed):
    done = {step["operator"]: step for step in undisturbed["funnel"]}
    assert done["image_shape_filter"]["dropped"] > 0
    assert done["document_simhash_deduplicator"]["dropped"] > 0
    assert done["text_chunk_mapper"]["expanded"] > 0
    assert done["random_selector"]["dropped"] > 0
    assert done["fixed_size_grouper"]["grouped"] > done["fixed_size_grouper"]["created"] > 0
    assert done["text_length_filter_2"]["dropped"] > 0
    asked = [row["llm_quality_score"] for row in undisturbed["stats"] if row["llm_quality_score"] is not None]
    assert set(asked) == {0.8}
    assert len(asked) == done["llm_quality_score_filter"]["in"] > 0
    assert undisturbed["media"]


@pytest.mark.parametrize("moment", [first_image, first_answer, grouping])
def test_two_workers_that_are_killed_and_go_on_give_the_same(source, answers, undisturbed, tmp_path, moment):
    killed = start(source, answers, tmp_path / "out")
    _wait(killed, tmp_path / "out", moment)
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=20)
    killed.stderr.close()
    assert not (tmp_path / "out/run.json").exists()
    again = start(source, answers, tmp_path / "out")
    _, message = again.communicate(timeout=300)
    assert again.returncode == 0, message.decode()[-500:]
    assert results(tmp_path / "out") == undisturbed
    left_over = [path for path in (tmp_path / "out").rglob("*") if "tmp" in path.name or path.name == ".staging"]
    assert left_over == []
    run = json.loads((tmp_path / "out/run.json").read_text())
    ended = run["dropped"] + run["quarantined"] + run["expanded"] + run["grouped"]
    assert run["samples_in"] + run["created"] == run["samples_out"] + ended
    assert run["samples_in"] == FILES * SAMPLES


def _wait(process: subprocess.Popen[bytes], output: Path, moment: Callable[[Path], bool]) -> None:
    while process.poll() is None and not moment(output):
        time.sleep(0.001)
    assert process.poll() is None, "the moment was missed: " + process.stderr.read().decode()[-500:]
