from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from dj_assets.models.store import ModelStore
from dj_assets.models.text.embeddings import opened
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import find
from dj_assets.stores.generations import Generations
from dj_assets.subset import run_recipe
from tests.models.chat_server import chat_server
from tests.operators.paraphrases import save_model

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
    assert find(NAME)(valid_dataset=EXAMPLES).problem() is None
    assert "api_or_hf_model" in find(NAME)(valid_dataset=EXAMPLES, api_or_hf_model=None).problem()


def test_a_folder_of_a_model_embeds_without_a_server(tmp_path, monkeypatch):
    monkeypatch.delenv("DJ_LLM", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    save_model(tmp_path / "models" / "words")
    texts = ["a companion and a supper", "a town", "", "fix it"]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    given = {"api_or_hf_model": "words", "is_hf_model": True, "min_score": 0.5}
    recipe = {"process": [{NAME: {**given, "valid_dataset": [{"text": "a friend at dinner"}]}}]}
    options = {"workers": 1, "models": tmp_path / "models", "overwrite": True}
    result = run_recipe(recipe, [source], tmp_path / "out", **options)
    # an empty text has no direction: it is kept as a failed call is
    assert [row["text"] for row in pq.read_table(result.refined[0]).to_pylist()] == ["a companion and a supper", ""]
    found = dict(duckdb.connect(str(result.database)).execute("SELECT row, text_embd_similarity FROM stats").fetchall())
    store = ModelStore((tmp_path / "models",))
    vectors = opened(store.find("words").path).embed(["a friend at dinner", *texts[:2]]).astype(float)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert [found[0], found[1]] == pytest.approx((units[1:] @ units[0]).tolist())
    assert found[2] == 0.0
    assert not (tmp_path / "out" / "generations").exists()
    # a folder that holds no model is reported before data is read
    (tmp_path / "models" / "other").mkdir()
    assert "is no folder of model2vec" in find(NAME)(**{**given, "api_or_hf_model": "other"}).problem_with_models(store)
    short = find(NAME)(**given, ebd_dim=4, valid_dataset=[{"text": texts[0]}])
    [score] = short.measure(Batch.of_texts([texts[0]], store))["text_embd_similarity"].to_pylist()
    assert score == pytest.approx(1.0)
