from __future__ import annotations

import itertools
import re
import time
from functools import cache

import pytest
import tokenizers
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


PIECES = (
    " ",
    "  ",
    "\n",
    "\n \n ",
    "\t",
    "word",
    "Word",
    "一二三",
    "é",
    "e\u0301",
    "😀",
    "\ufffd",
    "1234567",
    "x" * 40,
    ".",
    "<end>",
)
MIXED = st.lists(st.sampled_from(PIECES), max_size=80).map("".join)
# as in DeepSeek's tokenizers, among others: digits are grouped from the end of a number
GROUPED = tokenizers.Regex(r"\p{N}{1,3}(?=(\p{N}{3})*(?!\p{N}))|\s*[\r\n]+|\s+(?!\S)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+")


def _trained(tokenizer: tokenizers.Tokenizer, trainer: object) -> tokenizers.Tokenizer:
    tokenizer.train_from_iterator(["word words a b 一二三 é 1234567 x xx xxx . <end>"] * 5, trainer)
    return tokenizer


@cache
def small_tokenizer(kind: str) -> tokenizers.Tokenizer:
    """Return a tokenizer as language models have them: by bytes, by pieces of words, or without words."""
    bytes_first = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "bytes")
    if kind == "pieces":
        made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="?"))
        made.normalizer = tokenizers.normalizers.BertNormalizer()
        made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        made.decoder = tokenizers.decoders.WordPiece()
        return _trained(made, tokenizers.trainers.WordPieceTrainer(vocab_size=60, special_tokens=["?"]))
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(GROUPED, "isolated")
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, bytes_first]) if kind == "groups" else bytes_first
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trained = _trained(made, tokenizers.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    trained.add_special_tokens(["<end>"])
    return trained


def in_tokens(text: str, longest: int, overlap: int, pattern: str, tokenizer: tokenizers.Tokenizer) -> list[str]:
    """Cut as the recipes' authors describe it: the whole rest is split into tokens for every chunk.

    A cut within a character makes the rest longer, so that this may never end: then the first 200 chunks.
    """
    made: list[str] = []
    while len(ids := tokenizer.encode(text, add_special_tokens=False).ids) > longest and len(made) < 200:
        front = tokenizer.decode(ids[:longest], skip_special_tokens=False)
        matches = [match for match in re.finditer(pattern, front) if match.end()]
        made.append(front[: matches[-1].start()] if matches else front)
        rest = tokenizer.decode(ids[longest - overlap :], skip_special_tokens=False)
        text = text[matches[-1].end() :] if matches else rest
    return [*made, text]


@pytest.mark.parametrize("kind", ["bytes", "groups", "pieces", "no words"])
@given(text=MIXED, longest=st.integers(3, 12), overlap=st.integers(0, 2))
def test_a_beginning_is_split_into_the_tokens_of_the_whole(kind, text, longest, overlap):
    operator = TextChunkMapper(max_len=longest, split_pattern=r"\n|\.", overlap_len=overlap, tokenizer="any")
    expected = in_tokens(text, longest, overlap, r"\n|\.", small_tokenizer(kind))
    found = [*itertools.islice(operator._chunks(text, small_tokenizer(kind)), 201)]
    assert found[:200] == expected[:200]
    assert len(found) == len(expected)


def test_a_long_text_is_cut_in_tokens_soon():
    operator = TextChunkMapper(max_len=100, split_pattern=r"\n\n", tokenizer="any")
    text = "word, 一二 3.5 " * 80_000
    began = time.process_time()
    made = [*operator._chunks(text, small_tokenizer("bytes"))]
    assert "".join(made) == text
    assert time.process_time() - began < 10


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
    monkeypatch.setattr(text_chunk_mapper, "MOST_CHARACTERS", 2000)
    operator = TextChunkMapper(max_len=5, split_pattern="!", tokenizer="any")
    assert len([*operator._chunks("word " * 60, small_tokenizer("bytes"))]) > 10
    with pytest.raises(SampleError, match="above 2,000 characters in all"):
        [*operator._chunks("word" * 60, small_tokenizer("no words"))]
