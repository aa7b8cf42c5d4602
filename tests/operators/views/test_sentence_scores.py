from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.ngram_trie import new_transitions
from dj_assets.models import load
from dj_assets.models.kenlm_file import read_kenlm
from dj_assets.operators.batch import Batch
from dj_assets.operators.views import sentence_scores as module
from dj_assets.operators.views.sentence_pieces import sentence_pieces
from tests.paths import shared

WORDS = [
    "the people of",
    "the United States",
    "have chosen",
    "qqp",
    "数据",
    "😀",
    "\u2028",
    "\x1c",
    "é",
    " ",
    "\n",
    ".",
]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS)).map(" ".join) | st.text(), max_size=4)


def by_the_library(texts: list[str], model: Path, pieces: Path) -> list[tuple[float, int]]:
    library, processor = load.kenlm(model), load.sentencepiece(pieces)
    scored = []
    for text in texts:
        lines = " ".join(processor.encode(text, out_type=str)).splitlines()
        scored.append((sum((library.score(line) for line in lines), 0.0), sum(len(line.split()) + 1 for line in lines)))
    return scored


def ours(texts: list[str], model: Path, pieces: Path) -> list[tuple[float, int]]:
    found = module.sentence_scores(model, pieces, sentence_pieces(Batch.of_texts(texts), pieces))
    return [(score if length else 0.0, length) for score, length in found]


@pytest.mark.shared
@given(TEXTS)
def test_a_trie_as_the_library_scores_it(texts: list[str]) -> None:
    folder = shared() / "conformance" / "models"
    model, pieces = folder / "en.arpa.bin", folder / "en.sp.model"
    assert read_kenlm(model)
    assert ours(texts, model, pieces) == by_the_library(texts, model, pieces)


@pytest.mark.shared
def test_words_that_share_a_place_in_the_memo_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shared() / "conformance" / "models"
    model, pieces = folder / "en.arpa.bin", folder / "en.sp.model"
    texts = ["the people of the United States have chosen the people of the States, " * 3, "the people", "States of"]
    wanted = by_the_library(texts, model, pieces)
    scorer = replace(module._scorer(model, pieces), memo=new_transitions(2))
    monkeypatch.setattr(module, "_scorer", lambda *_: scorer)
    assert ours(texts, model, pieces) == ours(texts, model, pieces) == wanted


@given(TEXTS)
def test_the_trie_that_is_shipped_needs_no_library(texts: list[str]) -> None:
    demo = Path(module.__file__).parents[2] / "models" / "demo"
    model, pieces = demo / "en.arpa.bin", demo / "en.sp.model"
    wanted = by_the_library(texts, model, pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "kenlm", None)
        assert ours(texts, model, pieces) == wanted


@pytest.mark.shared
@given(TEXTS)
def test_another_file_is_scored_by_the_library(texts: list[str]) -> None:
    folder = shared() / "conformance" / "models"
    model, pieces = folder / "en.arpa.gz", folder / "en.sp.model"
    with pytest.raises(module.UnreadableModelError):
        read_kenlm(model)
    assert ours(texts, model, pieces) == by_the_library(texts, model, pieces)
