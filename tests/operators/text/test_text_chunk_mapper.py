from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.errors import SampleError
from dj_assets.operators.batch import Batch
from dj_assets.operators.text import text_chunk_mapper
from dj_assets.operators.text.text_chunk_mapper import TextChunkMapper
from dj_assets.operators.views.text_views import PYTHIA

TEXTS = st.text(alphabet="ab \n.", max_size=60)


def chunks(operator: TextChunkMapper, *texts: str) -> list[list[str]]:
    return operator.expand(Batch.of_texts(list(texts))).to_pylist()


def test_a_pattern_alone_splits_and_leaves_blank_pieces_out():
    assert chunks(TextChunkMapper(), "one\n\ntwo\nlines\n\n \n\nthree", "", " ", "whole") == [
        ["one", "two\nlines", "three"],
        [],
        [],
        ["whole"],
    ]


def test_a_match_that_is_not_blank_is_a_chunk():
    assert chunks(TextChunkMapper(split_pattern="#+"), "a##b#") == [["a", "##", "b", "#"]]


def test_a_length_alone_gives_windows_that_overlap():
    operator = TextChunkMapper(max_len=4, split_pattern=None, overlap_len=1)
    assert chunks(operator, "abcdefgh", "abcd", "") == [["abcd", "defg", "gh"], ["abcd"], [""]]


def test_a_long_text_is_cut_at_the_last_match_that_fits_else_with_overlap():
    operator = TextChunkMapper(max_len=6, split_pattern="-", overlap_len=2)
    assert chunks(operator, "ab-cd-efghijklm") == [["ab-cd", "efghij", "ijklm"]]


def recursively(text: str, longest: int, overlap: int, pattern: str) -> list[str]:
    """Cut as the recipes' authors describe it: by recursion."""
    if len(text) <= longest:
        return [text]
    matches = [match for match in re.finditer(pattern, text[:longest]) if match.end()]
    if not matches:
        return [text[:longest], *recursively(text[longest - overlap :], longest, overlap, pattern)]
    last = matches[-1]
    return [text[: last.start()], *recursively(text[last.end() :], longest, overlap, pattern)]


@given(TEXTS, st.integers(2, 9), st.integers(0, 1))
def test_both_cut_as_a_recursion_does(text, longest, overlap):
    operator = TextChunkMapper(max_len=longest, split_pattern=r"\n|\.", overlap_len=overlap)
    assert chunks(operator, text) == [recursively(text, longest, overlap, r"\n|\.")]


def test_a_long_text_needs_no_recursion_and_an_empty_match_does_not_loop():
    text = "ab " * 20_000
    assert "".join(chunks(TextChunkMapper(max_len=5, split_pattern="(?= )"), text)[0]) == text


def test_lengths_in_tokens(models):
    operator = TextChunkMapper(max_len=3, split_pattern=None, tokenizer=PYTHIA)
    assert operator.models() == (PYTHIA,)
    [made] = operator.expand(Batch.of_texts(["one two three four five"], models)).to_pylist()
    assert len(made) > 1
    assert "".join(made) == "one two three four five"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"split_pattern": None}, "needs max_len, split_pattern or both"),
        ({"max_len": 3, "overlap_len": 3}, "overlap_len 3 must be less than max_len 3"),
        ({"split_pattern": "("}, "is no regular expression"),
    ],
)
def test_mistakes_are_told(given, told):
    with pytest.raises(ValidationError, match=told):
        TextChunkMapper(**given)


def test_a_text_whose_rests_are_too_long_for_a_tokenizer_is_refused(monkeypatch):
    monkeypatch.setattr(text_chunk_mapper, "MOST_CHARACTERS", 1000)
    batch = Batch.of_texts(["word " * 60])
    whole = TextChunkMapper(max_len=50, split_pattern=" ", tokenizer=PYTHIA).expand(batch).to_pylist()
    assert 1 < len(whole[0]) < 5
    with pytest.raises(SampleError, match="above 1,000 characters in all"):
        TextChunkMapper(max_len=5, split_pattern=" ", tokenizer=PYTHIA).expand(batch)
    assert len(TextChunkMapper(max_len=5, split_pattern=" ").expand(batch).to_pylist()[0]) == 60
