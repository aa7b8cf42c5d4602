from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dj_assets.models import load
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.perplexity_filter import PerplexityFilter
from dj_assets.operators.views.text_views import Words, characters, lowered, pieces, refined_words, words


def spelled(found: Words) -> list[list[str]]:
    flat = found.vocabulary.take(found.codes).to_pylist()
    return [flat[a:b] for a, b in zip(found.offsets, found.offsets[1:], strict=False)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text("the pol咀😀\n\x00 é") | st.text(st.characters(codec="utf-8")), max_size=4))
def test_pieces_are_those_of_the_model(bench: Any, texts: list[str]) -> None:
    batch = bench.batch(PerplexityFilter(), texts)
    model = load.sentencepiece(batch.models.find("en.sp.model").path)
    assert spelled(pieces(batch, "en")) == [model.encode(text, out_type=str) for text in texts]


def test_words_and_refined_words() -> None:
    batch = Batch.of_texts(["The the (THE) — end", "", "end 123"])
    assert spelled(words(batch, "en", tokenization=False)) == [["The", "the", "(THE)", "—", "end"], [], ["end", "123"]]
    refined = refined_words(batch, "en", tokenization=False, lowercase=True)
    assert spelled(refined) == [["the", "the", "the", "end"], [], ["end"]]
    assert len(set(refined.vocabulary.to_pylist())) == len(refined.vocabulary)


def test_views_are_computed_once_a_text() -> None:
    batch = Batch.of_texts(["one two"])
    assert characters(batch) is characters(batch)
    assert words(batch, "en", tokenization=False) is words(batch, "fr", tokenization=False)
    assert characters(batch.with_text(Batch.of_texts(["three"]).text)).length.tolist() == [5]


@given(st.lists(st.text("aB ΣΑσİıÉⱾẞ") | st.text(), max_size=6), st.integers(0, 3))
def test_lower_case_is_that_of_python(texts: list[str], first: int) -> None:
    batch = Batch.of_texts(texts).slice(first, 9)
    assert lowered(batch).to_pylist() == [text.lower() for text in texts[first:]]
