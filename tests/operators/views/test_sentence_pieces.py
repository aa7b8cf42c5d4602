from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.kernels.unigram_words import new_memo
from dj_assets.models.kenlm_file import UnreadableModelError
from dj_assets.models.sentencepiece_file import read_sentencepiece
from dj_assets.operators.batch import Batch
from dj_assets.operators.views import sentence_pieces as module
from dj_assets.operators.views.sentence_pieces import coded, sentence_pieces, vocabulary


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that keeps white space apart from U+0020, and has a piece that begins with an unknown character."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat and the dog ran", "a cat, a dog; the ran\u2028and ran"] * 50),
        model_writer=model,
        vocab_size=34,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        user_defined_symbols=["é咀", "\x0bx"],
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("model") / "tiny.sp.model"
    path.write_bytes(model.getvalue())
    return path


@pytest.fixture(scope="module", params=["nmt_nfkc", "identity"])
def usual(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unigram model as most are, small enough to have many equal ways to cut a word."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat and the dog ran 100 1000", "a cat, a dog; the ran ab aab abba aaa"] * 50),
        model_writer=model,
        vocab_size=48,
        hard_vocab_limit=False,
        normalization_rule_name=request.param,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("usual") / "tiny.sp.model"
    path.write_bytes(model.getvalue())
    return path


def pieces(path: Path, texts: list[str]) -> list[list[str]]:
    found = sentence_pieces(Batch.of_texts(texts), path)
    codes, strings = coded(found, vocabulary(path))
    assert len(set(strings.to_pylist())) == len(strings)
    flat = strings.take(pa.array(codes)).to_pylist()
    return [flat[a:b] for a, b in zip(found.rows, found.rows[1:], strict=False)]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text("the catdog é咀x\x0b\u2028\n\x00😀, "), max_size=5))
def test_pieces_are_those_of_the_library(path: Path, texts: list[str]) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert pieces(path, texts) == [model.encode(text, out_type=str) for text in texts]


def test_an_unclear_end_of_an_unknown_piece_is_left_to_the_library(path: Path) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    text = "the ééé咀 dog"
    normal = pa.array([model.normalize(text)])
    _, _, placed = module._placed(normal, [model.encode_as_numpy(text)], vocabulary(path))
    assert not placed.all()
    assert pieces(path, [text, "cat é"]) == [model.encode(text, out_type=str), model.encode("cat é", out_type=str)]


LETTERS = "the catdog,ab01 \u2581\u3000\u00a0éﬁ①ｱｶﾞe\u0301\u1100\u1161咀😀\n\r\t\x00\u200b\ufeff"


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(LETTERS, max_size=60), max_size=4))
def test_pieces_of_the_kernel_are_those_of_the_library(usual: Path, texts: list[str]) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(usual))
    assert read_sentencepiece(usual).pieces
    assert pieces(usual, texts) == [model.encode(text, out_type=str) for text in texts]


def test_what_stands_before_a_word_decides_between_equals_as_in_the_library(usual: Path) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(usual))
    rng = random.Random(5)
    words = ["aaa", "abaab", "1000", "aabba", "thecat", "咀", "dogran", "bb" * 40, "x" * 300]
    # sums of scores begin anew beyond 100,000: the longest goes over it several times
    texts = [" ".join(rng.choices(words, k=count)) for count in (10, 1000, 20000)]
    assert [row.tolist() for row in ids(usual, texts)] == [model.encode(text) for text in texts]


def test_a_full_memory_of_words_begins_anew(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(usual))
    table, unigram, _ = module._encoder(usual)
    monkeypatch.setattr(module, "_encoder", lambda path: (table, unigram, new_memo(8)))
    texts = [" ".join(f"the{n} cat{n * 7}" for n in range(100)), "the cat"]
    assert [row.tolist() for row in ids(usual, texts)] == [model.encode(text) for text in texts]


def test_rows_of_a_slice_and_empty_ones(usual: Path) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(usual))
    texts = pa.array(["cat", "", " \n ", "the dog ran"]).slice(1)
    found = module._by_kernel(usual, texts)
    assert np.split(found.ids, found.rows[1:-1])[2].tolist() == model.encode("the dog ran")
    assert found.rows[:2].tolist() == [0, 0]


def test_models_of_other_kinds_are_left_to_the_library(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableModelError, match="pieces of its user's"):
        read_sentencepiece(path)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat and the dog ran"] * 50),
        model_writer=model,
        vocab_size=30,
        hard_vocab_limit=False,
        model_type="bpe",
        minloglevel=2,
    )
    (tmp_path / "bpe.model").write_bytes(model.getvalue())
    with pytest.raises(UnreadableModelError, match="no unigram model"):
        read_sentencepiece(tmp_path / "bpe.model")
    library = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "bpe.model"))
    assert ids(tmp_path / "bpe.model", ["the cat ran é"])[0].tolist() == library.encode("the cat ran é")


def ids(path: Path, texts: list[str]) -> list[np.ndarray]:
    found = sentence_pieces(Batch.of_texts(texts), path)
    return np.split(found.ids, found.rows[1:-1])
