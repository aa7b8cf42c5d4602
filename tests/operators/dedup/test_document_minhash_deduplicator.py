from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.dedup.document_minhash_deduplicator import DocumentMinhashDeduplicator

LONG = "the patient harbour gathered nine narrow boats before the heavy winter came back again"


def signed(bench: Any, made: DocumentMinhashDeduplicator, *texts: str) -> list[list[int] | None]:
    return made.sign(bench.batch(made, list(texts))).to_pylist()


def test_equal_texts_share_all_keys_and_near_ones_some(bench: Any) -> None:
    made = DocumentMinhashDeduplicator(window_size=2, num_permutations=64, jaccard_threshold=0.4)
    one, same, near, other = signed(bench, made, LONG, LONG.upper(), LONG + " today", "a b c d e f g h i j")
    assert one == same
    assert len(one) == made.bands[0]
    assert {*one} & {*near} and one != near
    assert not {*one} & {*other}


def test_texts_without_a_shingle_share_their_keys_or_have_none(bench: Any) -> None:
    made = DocumentMinhashDeduplicator()
    assert [tuple(keys) for keys in signed(bench, made, "", "too short", "1 2 3 4")] == [made.short_text_keys] * 3
    kept = DocumentMinhashDeduplicator(keep_short_texts=True)
    none, some = signed(bench, kept, "too short", LONG)
    assert none is None
    assert some == signed(bench, made, LONG)[0]


def test_words_are_what_is_left_between_other_characters(bench: Any) -> None:
    words = DocumentMinhashDeduplicator(tokenization="word", window_size=2)
    text = "Élan_2 vital.\n\nहिन्दी (भाषा) — x"
    spaced = DocumentMinhashDeduplicator(window_size=2)
    assert signed(bench, words, text) == signed(bench, spaced, "élan_2 vital हिन्दी भाषा x")
    assert signed(bench, words, f"...{text}!?") == signed(bench, words, text)
    assert signed(bench, words, "", " .- ", "one.") == [list(words.short_text_keys)] * 3


def test_pieces_of_a_model_are_units(bench: Any) -> None:
    made = DocumentMinhashDeduplicator(tokenization="sentencepiece", tokenizer_model="en.sp.model")
    assert made.models() == ("en.sp.model",)
    one, other = signed(bench, made, LONG, LONG.replace(" ", "  "))
    assert len(one) == len(other) == made.bands[0]


def test_bands_count_only_when_both_are_given() -> None:
    assert DocumentMinhashDeduplicator(num_bands=4, num_rows_per_band=8).bands == (4, 8)
    assert DocumentMinhashDeduplicator(num_bands=4).bands == DocumentMinhashDeduplicator().bands == (25, 10)


def test_mistakes_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match=r"\(17 x 16\) must not be greater than num_permutations \(256\)"):
        DocumentMinhashDeduplicator(num_bands=17, num_rows_per_band=16)
    with pytest.raises(ValidationError, match="needs a tokenizer_model"):
        DocumentMinhashDeduplicator(tokenization="sentencepiece")
    with pytest.raises(ValidationError, match="jaccard_threshold"):
        DocumentMinhashDeduplicator(jaccard_threshold=1.2)
