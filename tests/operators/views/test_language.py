from __future__ import annotations

import random
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from dj_assets.kernels.arrays import buffers
from dj_assets.kernels.language_id import QUEUE, classify
from dj_assets.kernels.word_memo import new_memo
from dj_assets.models.store import ModelStore
from dj_assets.operators.views import language
from dj_assets.operators.views.language import identified
from tests.models.fasttext_models import write_dense

WORDS = (
    "the harbour committee étude haus 数据 模型 на мост и 질 מים __label__en </s> x < > <a> ' \x00 a\x0bb c\x0cd \r"
    " e\r\nf ñ ünïcödé 𝕏𝕐 😀😀 www.example.org/"
    + "long" * 40
    + " "
    + "é" * 31
    + " "
    + "é" * 32
    + " "
    + "a" * 62
    + " "
    + "a" * 63
).split(" ")


def made_up(count: int, longest: int) -> list[str]:
    rng = random.Random(5)
    texts = ["", " ", "\n", "</s>", "</s> never seen", "__label__de", "a", "<", "\u0130"]
    return texts + [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(count)]


def by_library(path: Path, texts: list[str]) -> tuple[list[str], list[float]]:
    model = fasttext.load_model(str(path))
    found = [model.predict(text.replace("\n", " ")) for text in texts]
    return [labels[0].removeprefix("__label__") for labels, _ in found], [float(scores[0]) for _, scores in found]


def test_equal_to_the_library_with_the_compressed_model() -> None:
    path = ModelStore().find("lid.176.bin").path
    texts = [*made_up(300, 60), "many words " * 5000]
    languages, scores, unsure = identified(path, pa.array(texts))
    expected, probabilities = by_library(path, texts)
    sure = ~unsure
    assert sure.mean() > 0.95
    assert np.array_equal(languages[sure], np.array(expected, object)[sure])
    assert np.abs(scores - probabilities)[sure].max() < 1e-6


def test_equal_to_the_library_with_a_dense_model(tmp_path: Path) -> None:
    path = write_dense(tmp_path / "dense.bin")
    texts = made_up(300, 8)
    languages, scores, unsure = identified(path, pa.array(texts))
    expected, probabilities = by_library(path, texts)
    assert languages[~unsure].tolist() == np.array(expected, object)[~unsure].tolist()
    assert np.abs(scores - probabilities)[~unsure].max() < 1e-6
    assert len(set(expected)) > 1


def test_a_tie_is_left_to_the_library(tmp_path: Path) -> None:
    even = write_dense(tmp_path / "tie.bin", spread=0.0, labels=dict.fromkeys(("en", "de", "fr", "zh"), 7))
    _, _, unsure = identified(even, pa.array(["the haus", ""]))
    assert unsure.all()


def test_a_model_of_another_kind_is_left_to_the_library(tmp_path: Path) -> None:
    _, _, unsure = identified(write_dense(tmp_path / "softmax.bin", loss=3), pa.array(["the", "haus"]))
    assert unsure.all()


@pytest.mark.parametrize("words", [1, 8, 64])
def test_a_full_memo_changes_nothing(words: int) -> None:
    path = ModelStore().find("lid.176.bin").path
    _, classifier, _ = language._classifier(path)
    texts = buffers(pa.array(made_up(200, 60)))
    for one, other in zip(
        classify(*texts, classifier, new_memo(words)), classify(*texts, classifier, new_memo()), strict=True
    ):
        assert np.array_equal(one, other)


def test_a_word_met_where_the_queue_is_just_full_is_remembered_whole() -> None:
    path = ModelStore().find("lid.176.bin").path
    _, classifier, _ = language._classifier(path)
    later = buffers(pa.array(["dans mit with"]))
    for before in range(QUEUE - 12, QUEUE + 2):
        memo = new_memo(64)
        classify(*buffers(pa.array(["the " * before + "pour dans mit with"])), classifier, memo)
        for one, other in zip(
            classify(*later, classifier, memo), classify(*later, classifier, new_memo(64)), strict=True
        ):
            assert np.array_equal(one, other)
