from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.dedup.document_simhash_deduplicator import DocumentSimhashDeduplicator


def naive(text: str, tokenization: str, window: int) -> int:
    if tokenization == "character":
        shingles = [text[i : i + window] for i in range(len(text) - window + 1)]
    else:
        units = [u for u in text.split(" ") if u] if tokenization == "space" else regex.split(r"\p{P}", text)
        shingles = [" ".join(units[i : i + window]) for i in range(len(units) - window + 1)]
    hashes = [int.from_bytes(hashlib.md5(s.encode()).digest()[:8], "big") for s in shingles]
    return sum(1 << bit for bit in range(64) if sum(1 if h >> bit & 1 else -1 for h in hashes) > 0)


def signed(bench: Any, made: DocumentSimhashDeduplicator, *texts: str) -> list[int | None]:
    return made.sign(bench.batch(made, list(texts))).to_pylist()


@pytest.mark.parametrize("tokenization", ["space", "punctuation", "character"])
@pytest.mark.parametrize("pattern", [None, r"\p{P}", r"[^\w]+"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(texts=st.lists(st.text("aB ,。Σİ\n"), max_size=3))
def test_as_plain_python(bench: Any, tokenization: str, pattern: str | None, texts: list[str]) -> None:
    made = DocumentSimhashDeduplicator(tokenization=tokenization, window_size=2, ignore_pattern=pattern)
    prepared = [regex.sub(pattern, "", t.lower()) if pattern else t.lower() for t in texts]
    assert signed(bench, made, *texts) == [naive(text, tokenization, 2) for text in prepared]


def test_case_matters_where_it_is_kept(bench: Any) -> None:
    a, b = signed(bench, DocumentSimhashDeduplicator(window_size=1, lowercase=False), "Lantern", "lantern")
    assert a != b
    c, d = signed(bench, DocumentSimhashDeduplicator(window_size=1), "Lantern", "lantern")
    assert c == d == b


def test_line_feeds_do_not_separate(bench: Any) -> None:
    made = DocumentSimhashDeduplicator(window_size=2)
    one, two = signed(bench, made, "a\nb", "a b")
    assert one == 0 != two


def test_short_texts_collapse_or_are_kept(bench: Any) -> None:
    assert signed(bench, DocumentSimhashDeduplicator(), "too short", "") == [0, 0]
    kept = DocumentSimhashDeduplicator(keep_short_texts=True)
    assert signed(bench, kept, "too short", "", "but this one has six words")[:2] == [None, None]
    assert signed(bench, kept, "but this one has six words")[0] is not None


def test_near_pairs_are_exact() -> None:
    values = np.array([0, 0b1111, 0b11111, 0xFFFFFFFFFFFFFFFF], np.uint64)
    pairs = DocumentSimhashDeduplicator().near_pairs(values)
    assert pairs.to_pylist() == [{"a": 0, "b": 15, "distance": 4}, {"a": 15, "b": 31, "distance": 1}]
    assert DocumentSimhashDeduplicator(num_blocks=1, hamming_distance=0).near_pairs(values).num_rows == 0
    assert DocumentSimhashDeduplicator().near_pairs(values[:0]).num_rows == 0


def test_mistakes_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match=r"num_blocks \(4\) must be greater than hamming_distance \(4\)"):
        DocumentSimhashDeduplicator(num_blocks=4)
    with pytest.raises(ValidationError, match="tokenization"):
        DocumentSimhashDeduplicator(tokenization="sentence")
    with pytest.raises(ValidationError, match="not a regular expression"):
        DocumentSimhashDeduplicator(ignore_pattern="[")


def test_distance_and_blocks_do_not_sign() -> None:
    made = DocumentSimhashDeduplicator(num_blocks=9, hamming_distance=7)
    assert made.measuring_parameters() == DocumentSimhashDeduplicator().measuring_parameters()
    assert made.measuring_parameters() != DocumentSimhashDeduplicator(window_size=3).measuring_parameters()
