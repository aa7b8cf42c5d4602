"""Texts that say the same in other words: embeddings, clusters, near pairs, whole runs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets import run_recipe
from dj_assets.errors import MissingModelError
from dj_assets.models.store import ModelStore
from dj_assets.operators import contract
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.semantic_deduplicator import SemanticDeduplicator
from dj_assets.operators.kinds.vectors import LENGTH, clusters, near, whole_vectors
from tests.operators.paraphrases import planted, save_model

TEXTS, ORIGINALS = planted(400, 200)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_model(folder / "tiny")
    return folder


def signed(texts: list[str], models: Path, **parameters: object) -> tuple[pa.Array, pa.Array]:
    operator = SemanticDeduplicator(embedding_model="tiny", **parameters)
    return contract.signed_with_vectors(operator, Batch.of_texts(texts, ModelStore.with_folder(models)))


def pairs_found(texts: list[str], models: Path, **parameters: object) -> set[tuple[int, int]]:
    signatures, vectors = signed(texts, models)
    values, first = np.unique(signatures.to_numpy(), return_index=True)
    found = SemanticDeduplicator(embedding_model="tiny", **parameters).near_vectors(
        values, np.stack(vectors.to_pylist()).astype(np.int16)[first]
    )
    at = dict(zip(values.tolist(), first.tolist(), strict=True))
    return {tuple(sorted((at[a], at[b]))) for a, b in zip(found["a"].to_pylist(), found["b"].to_pylist(), strict=True)}


def test_products_of_whole_vectors_are_exact():
    random_numbers = np.random.default_rng(0)
    vectors = whole_vectors(random_numbers.standard_normal((200, 1024)))
    exact = vectors.astype(np.int64) @ vectors.astype(np.int64).T
    assert np.abs(exact).max() < 1 << 24
    floats = vectors.astype(np.float32)
    assert np.array_equal((floats @ floats.T).astype(np.int64), exact)
    assert np.array_equal((floats[:, ::-1] @ floats[:, ::-1].T).astype(np.int64), exact)
    assert np.allclose(np.sqrt(np.diag(exact)), LENGTH, rtol=0.01)


def test_vectors_without_a_direction_are_zero():
    vectors = whole_vectors(np.array([[0, 0], [np.nan, 1], [np.inf, 0], [3, 4]]))
    assert vectors.tolist() == [[0, 0], [0, 0], [0, 0], [2400, 3200]]


def test_clusters_find_what_is_apart():
    random_numbers = np.random.default_rng(2)
    centres = random_numbers.standard_normal((5, 16))
    of = np.repeat(np.arange(5), 40)
    found = clusters(whole_vectors(centres[of] + 0.1 * random_numbers.standard_normal((200, 16))), 5)[:, 0]
    assert len({tuple(found[of == number].tolist()) for number in range(5)}) == 5
    assert all(len(set(found[of == number].tolist())) == 1 for number in range(5))


def test_near_pairs_are_those_of_all_comparisons():
    vectors = whole_vectors(np.random.default_rng(3).standard_normal((2500, 6)))
    parts = near(vectors, np.zeros((2500, 1), np.int64), 0.97)
    found = [pair for left, right, _ in parts for pair in zip(left, right, strict=True)]
    wide = vectors.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1))
    expected = np.argwhere(np.triu((wide @ wide.T) / (lengths[:, None] * lengths) >= 0.97, 1))
    assert sorted(found) == [tuple(pair) for pair in expected]
    assert len(found) > 100
    # a pair that shares two clusters is found once, and every pair where every vector is in every cluster
    for nearest in (1, 2, 30):
        several = clusters(vectors, 30, nearest)
        assert np.array_equal(several[:, :1], clusters(vectors, 30))
        again = [pair for left, right, _ in near(vectors, several, 0.97) for pair in zip(left, right, strict=True)]
        assert len(again) == len(set(again))
        together = [pair for pair in sorted(found) if np.intersect1d(several[pair[0]], several[pair[1]]).size]
        assert sorted(again) == together
        assert (len(together) == len(found)) == (nearest == 30)


def test_planted_paraphrases_are_found(models):
    """Nine words of each text are replaced by others of their line, and moved: at 0.9, 95 % and more are found."""
    expected = {(of, copy) for copy, of in ORIGINALS.items()}
    for number, nearest, least in ((1, 1, 0.95), (8, 1, 0.90), (8, 2, 0.95)):
        clustered = {"num_clusters": number, "nearest_clusters": nearest}
        found = pairs_found(TEXTS, models, similarity_threshold=0.9, **clustered)
        assert len(found & expected) >= least * len(expected)
        # what else is found says nearly the same by chance, or is a second paraphrase of one text
        sources = [{ORIGINALS.get(a, a), ORIGINALS.get(b, b)} for a, b in found]
        assert sum(len(source) == 1 for source in sources) >= 0.95 * len(found)


def test_a_text_without_a_known_token_has_no_embedding(models):
    signatures, vectors = signed(["", "qwertz uiop", "big house"], models)
    assert signatures.is_valid().to_pylist() == [False, False, True]
    assert vectors.is_valid().to_pylist() == [False, False, True]


def test_parts_of_a_batch_have_the_same_embeddings(models):
    whole = signed(TEXTS[:50], models)
    parts = [signed([text], models) for text in TEXTS[:50]]
    for number in (0, 1):
        assert whole[number].equals(pa.concat_arrays([part[number] for part in parts]))
    assert signed([], models)[0].to_pylist() == []


def write_source(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for part in range(3):
        texts = [(number, text) for number, text in enumerate(TEXTS) if number % 3 == part]
        content = "".join(json.dumps({"id": f"t{number:03d}", "text": text}) + "\n" for number, text in texts)
        (folder / f"{part}.jsonl").write_text(content)
    return folder


def recipe(threshold: float) -> dict[str, object]:
    operator = {"embedding_model": "tiny", "similarity_threshold": threshold, "num_clusters": 4}
    return {"project_name": "r", "process": [{"semantic_deduplicator": operator}]}


def kept(out: Path) -> list[str]:
    return sorted(
        name for part in (out / "refined").glob("*.parquet") for name in pq.read_table(part)["id"].to_pylist()
    )


def test_a_run_keeps_the_first_and_judges_stored_embeddings_again(models, tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_MODELS", str(models))
    source = write_source(tmp_path / "data")
    run_recipe(recipe(0.9), [source], tmp_path / "one", workers=1, overwrite=True)
    run_recipe(recipe(0.9), [source], tmp_path / "two", workers=2)
    assert kept(tmp_path / "one") == kept(tmp_path / "two")
    with duckdb.connect(str(tmp_path / "one" / "stats.duckdb"), read_only=True) as database:
        rows = database.execute("SELECT id, kept_id, distance, cluster_size FROM duplicates ORDER BY id").fetchall()
    assert len(rows) == len(TEXTS) - len(kept(tmp_path / "one")) > 150
    assert all(0 <= distance < 0.3 and size > 1 for _, _, distance, size in rows)
    assert sum(distance <= 0.1 for _, _, distance, _ in rows) > 0.9 * len(rows)
    # without the model, another threshold is judged by the stored embeddings
    monkeypatch.setattr(SemanticDeduplicator, "embed", lambda *_: pytest.fail("embedded again"))
    run_recipe(recipe(0.8), [source], tmp_path / "one", workers=1, overwrite=True)
    assert len(kept(tmp_path / "one")) < len(kept(tmp_path / "two"))
    run_recipe(recipe(0.999), [source], tmp_path / "one", workers=1, overwrite=True)
    assert len(kept(tmp_path / "one")) > len(kept(tmp_path / "two"))


def test_the_replay_in_parts_decides_the_same(models, tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_MODELS", str(models))
    source = write_source(tmp_path / "data")
    run_recipe(recipe(0.9), [source], tmp_path / "one", workers=1, overwrite=True)
    monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", "100")
    run_recipe(recipe(0.9), [source], tmp_path / "parts", workers=1)
    assert kept(tmp_path / "one") == kept(tmp_path / "parts")


class _Embeddings(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, asked["model"], len(asked["input"]), self.headers.get("Authorization")))
        data = [
            {"index": number, "embedding": [float(text.count(letter)) for letter in "abcdefg"]}
            for number, text in enumerate(asked["input"])
        ]
        if self.server.broken:
            data = data[:-1]
        body = json.dumps({"data": data[::-1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    serving = ThreadingHTTPServer(("127.0.0.1", 0), _Embeddings)
    serving.asked, serving.broken = [], False
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_a_server_embeds(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    url = f"http://127.0.0.1:{server.server_port}/v1"
    operator = SemanticDeduplicator(embedding_model="some-model", base_url=url)
    texts = ["aab", "bba", "", "aab"] + ["abc"] * 100
    signatures, vectors = contract.signed_with_vectors(operator, Batch.of_texts(texts))
    assert operator.models() == ()
    assert vectors[0].as_py() == [3578, 1789, 0, 0, 0, 0, 0]
    assert signatures[0] == signatures[3] != signatures[1]
    assert not signatures[2].is_valid
    # the key goes to no server that only a recipe names
    assert server.asked == [("/v1/embeddings", "some-model", number, None) for number in (64, 40)]
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    operator.embed(Batch.of_texts(["a"]))
    assert server.asked[-1][3] == "Bearer sk-secret"


def test_a_server_that_fails(server):
    url = f"http://127.0.0.1:{server.server_port}/v1"
    server.broken = True
    with pytest.raises(Exception, match="the server of embeddings: the reply has no 2 embeddings"):
        SemanticDeduplicator(base_url=url).embed(Batch.of_texts(["a", "b"]))
    with pytest.raises(ValueError, match="is no URL of a server"):
        SemanticDeduplicator(base_url="127.0.0.1")


def test_a_model_that_is_not_there(models, tmp_path, monkeypatch):
    with pytest.raises(MissingModelError, match="nothing"):
        SemanticDeduplicator(embedding_model="nothing").embed(Batch.of_texts(["a"]))
    (models / "other").mkdir(exist_ok=True)
    store = ModelStore.with_folder(models)
    assert "is no folder of model2vec" in SemanticDeduplicator(embedding_model="other").problem_with_models(store)
    assert SemanticDeduplicator(embedding_model="tiny").problem_with_models(store) == ""
    monkeypatch.setattr("dj_assets.models.text.embeddings.installed", lambda package: False)
    problem = SemanticDeduplicator(embedding_model="tiny").problem_with_models(store)
    assert problem == "needs model2vec: pip install 'dj_assets[embeddings]'"


def save_contextual_model(folder: Path) -> None:
    """Write a model of sentence-transformers with random weights: BERT of one layer, the mean of its tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(3)
    words = sorted({word for text in TEXTS for word in text.split()})
    bert = folder.parent / "bert"
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizerFast(str(bert / "vocab.txt")).save_pretrained(bert)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=5 + len(words), **sizes)).save_pretrained(bert)
    layers = [Transformer(str(bert)), Pooling(32)]
    SentenceTransformer(modules=layers, device="cpu").save(str(folder))


def test_a_model_of_sentence_transformers_embeds(tmp_path):
    save_contextual_model(tmp_path / "models" / "contextual")
    operator = SemanticDeduplicator(embedding_model="contextual")
    store = ModelStore.with_folder(tmp_path / "models")
    assert operator.problem_with_models(store) == ""
    texts = [TEXTS[0], "", TEXTS[1], TEXTS[0]]
    signatures, vectors = contract.signed_with_vectors(operator, Batch.of_texts(texts, store))
    alone = contract.signed_with_vectors(operator, Batch.of_texts(texts[2:3], store))
    assert signatures.is_valid().to_pylist() == [True, False, True, True]
    assert signatures[0] == signatures[3] != signatures[2] == alone[0][0]
    assert len(vectors[0]) == 32
