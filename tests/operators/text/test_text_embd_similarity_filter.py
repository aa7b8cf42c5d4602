from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import find
from dj_assets.stores.generations import Generations
from tests.models.chat_server import chat_server

VECTORS = {"north": [0, 2], "east": [3, 0], "north-east": [1, 1], "south": [0, -1]}
EXAMPLES = [{"text": "north"}, {"text": "east"}]
NAME = "text_embd_similarity_filter"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("DJ_LLM", raising=False)
    with chat_server() as server:
        server.reply = lambda prompt: json.dumps(VECTORS.get(prompt.removeprefix("to: "), []))
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def scores(operator, tmp_path, *texts: str) -> list[float]:
    models = replace(ModelStore(), answers=Generations(str(tmp_path / "generations")))
    return operator.measure(Batch.of_texts([*texts], models))["text_embd_similarity"].to_pylist()


def test_the_score_is_the_mean_cosine(server, tmp_path):
    operator = find(NAME)(valid_dataset=EXAMPLES, ebd_dim=2)
    found = scores(operator, tmp_path, "north", "north-east", "south", "")
    assert found == pytest.approx([0.5, 0.5**0.5, -0.5, 0.0])
    assert server.bodies[0] == {"model": "text-embedding-v4", "input": server.bodies[0]["input"], "dimensions": 2}
    calls = server.calls
    assert scores(operator, tmp_path, "north-east") == pytest.approx([0.5**0.5])
    assert server.calls == calls == 4, "vectors are kept"


def test_a_failed_call_has_the_score_zero_and_is_kept(server, tmp_path):
    operator = find(NAME)(valid_dataset=EXAMPLES, try_num=1, input_template="to: {text}")
    assert scores(operator, tmp_path, "unknown", "north") == pytest.approx([0.0, 0.5])
    assert "= 0" in operator.condition.keep({"text_embd_similarity": "s"}).text
    assert "= 0" not in find(NAME)(keep_failed=False).condition.keep({"text_embd_similarity": "s"}).text
    assert server.bodies[0]["input"].startswith("to: ")


def test_examples_and_a_server_are_needed(server, monkeypatch):
    assert "valid_dataset is not given" in find(NAME)().problem()
    assert find(NAME)(valid_dataset=EXAMPLES).problem() is None
    monkeypatch.setenv("DJ_LLM", "transformers")
    assert "give no vectors" in find(NAME)(valid_dataset=EXAMPLES).problem()
