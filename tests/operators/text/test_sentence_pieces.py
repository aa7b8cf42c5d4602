from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.operators.batch import Batch
from dj_assets.operators.text import sentence_pieces as module
from dj_assets.operators.text.sentence_pieces import coded, sentence_pieces, vocabulary


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
