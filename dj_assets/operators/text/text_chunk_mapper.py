"""Split texts into chunks, one sample each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt, field_validator, model_validator

from dj_assets.errors import SampleError
from dj_assets.models import load
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Where a tokenizer has to split the rest of a text for every chunk. These are a few seconds of work for one text.
MOST_CHARACTERS = 4_000_000
# Tokens at the end of a beginning may be others in the whole text: those of the last words, and of a number.
_UNSETTLED_WORDS = 3
_NUMBER = re.compile(r"\d*\Z")
# A decoder writes it for bytes that are no whole character.
_REPLACEMENT = "\ufffd"


@register("text_chunk_mapper")
class TextChunkMapper(Expander):
    r"""Replace every sample by chunks of its text; the other fields are copied.

    With `split_pattern` alone, a regular expression, the text is split at its matches. A match that is not blank is a
    chunk of its own; blank chunks are left out. With `max_len` alone, chunks have `max_len` characters, or tokens of
    the Hugging Face `tokenizer`, and share `overlap_len` with the next one. With both, a text that is too long is cut
    at the last match inside the first `max_len` characters or tokens, without the match; if there is none, after
    `max_len` with the overlap. An empty match at the start of a text is no place to cut.

    A tokenizer splits only the beginning of the rest of a text, as far as a chunk needs. Where its tokens depend on the
    whole rest, because there are no words, or because tokens do not give the text back, it splits the whole rest for
    every chunk. A text for which these have more than 4 million characters in all is quarantined.
    """

    max_len: PositiveInt | None = None
    split_pattern: str | None = r"\n\n"
    overlap_len: NonNegativeInt = 0
    tokenizer: str | None = None

    @field_validator("split_pattern")
    @classmethod
    def _is_expression(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.max_len is None and self.split_pattern is None:
            raise ValueError("needs max_len, split_pattern or both")
        if self.max_len is not None and self.overlap_len >= self.max_len:
            raise ValueError(f"overlap_len {self.overlap_len} must be less than max_len {self.max_len}")
        return self

    def models(self) -> tuple[str, ...]:
        """Return the tokenizer."""
        return (self._counted_by,) if self._counted_by else ()

    @property
    def _counted_by(self) -> str | None:
        return None if self.max_len is None else self.tokenizer

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the chunks of every text."""
        name = self._counted_by
        tokenizer = load.tokenizer(batch.models.find(name).path) if name else None
        chunks = [list(self._chunks(text, tokenizer)) for text in batch.text.to_pylist()]
        return pa.array(chunks, pa.list_(pa.string()))

    def _chunks(self, text: str, tokenizer: Tokenizer | None) -> Iterator[str]:
        if self.max_len is None:
            yield from (chunk for chunk in re.split(f"({self.split_pattern})", text) if chunk and chunk.strip())
        elif self.split_pattern is None:
            yield from self._windows(text, self.max_len, tokenizer)
        else:
            rest = _Rest(text) if tokenizer is None else _RestInTokens(text, tokenizer)
            yield from self._cut(rest, self.max_len, re.compile(self.split_pattern))

    def _windows(self, text: str, longest: int, tokenizer: Tokenizer | None) -> Iterator[str]:
        whole: Sequence[Any] = text if tokenizer is None else _ids(tokenizer, text)
        step = longest - self.overlap_len
        for start in range(0, len(whole), step) if len(whole) > longest else (0,):
            window = whole[start : start + longest]
            yield str(window) if tokenizer is None else _text(tokenizer, window)

    def _cut(self, rest: _Rest, longest: int, pattern: re.Pattern[str]) -> Iterator[str]:
        while (front := rest.front(longest)) is not None:
            last = None
            for match in pattern.finditer(front):
                last = match if match.end() else last
            if last is None:
                yield front
                rest.drop_units(longest - self.overlap_len)
            else:
                yield front[: last.start()]
                rest.at += last.end()
        yield rest.text[rest.at :]


class _Rest:
    """The rest of a text, from the character `at` on. Its units are characters."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def front(self, number: int) -> str | None:
        """Return the first `number` units; None if there are no others."""
        return self.text[self.at : self.at + number] if len(self.text) - self.at > number else None

    def drop_units(self, number: int) -> None:
        """Drop units, of those that `front` returned."""
        self.at += number


class _RestInTokens(_Rest):
    """The rest of a text, whose units are tokens."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        super().__init__(text)
        self._tokenizer = tokenizer
        self._in_front: Sequence[int] = ()
        self._in_all = 0

    def front(self, number: int) -> str | None:
        """Return the text of the first `number` tokens; None if there are no others."""
        first = self._first(number + 1)
        self._in_front = first[:number]
        return _text(self._tokenizer, self._in_front) if len(first) > number else None

    def drop_units(self, number: int) -> None:
        """Drop tokens, of those that `front` returned."""
        dropped = _text(self._tokenizer, self._in_front[:number])
        if (
            self._gives_back
            and not dropped.endswith(_REPLACEMENT)  # a part of a character
            and self.text.startswith(dropped, self.at)
        ):
            self.at += len(dropped)
        else:
            self.text, self.at = _text(self._tokenizer, self._encoded(len(self.text)).ids[number:]), 0

    def _first(self, number: int) -> Sequence[int]:
        """Return the first tokens of the rest, at least `number` if there are."""
        size = 4 * number + self._longest_added + 16
        while self.at + size < len(self.text):
            encoded = self._encoded(self.at + size)
            if (settled := self._settled(encoded, size)) >= number:
                return encoded.ids[:settled]
            size *= 2
        return self._encoded(len(self.text)).ids

    def _settled(self, encoded: Encoding, size: int) -> int:
        """Return how many tokens of the first `size` characters are those of the whole rest."""
        number = _NUMBER.search(self.text, self.at, self.at + size)
        before = size - max(self._longest_added, len(number.group()) if number else 0)
        words = [word for word, (_, end) in zip(encoded.word_ids, encoded.offsets, strict=True) if end <= before]
        if not words or words[-1] is None:
            return 0
        last = words[-1] - _UNSETTLED_WORDS
        return next((at for at, word in enumerate(words) if word is None or word > last), 0)

    def _encoded(self, end: int) -> Encoding:
        self._in_all += end - self.at
        if self._in_all > MOST_CHARACTERS + len(self.text):
            raise SampleError(
                f"its rest is split into tokens for every chunk, above {MOST_CHARACTERS:,} characters in all; use a "
                "larger max_len, or no tokenizer"
            )
        return self._tokenizer.encode(self.text[self.at : end], add_special_tokens=False)

    @cached_property
    def _longest_added(self) -> int:
        added = self._tokenizer.get_added_tokens_decoder().values()
        return max((len(token.content) for token in added), default=0)

    @cached_property
    def _gives_back(self) -> bool:
        """Return whether the texts of tokens, one after the other, are the text."""
        decoder = self._tokenizer.decoder
        if decoder is None or json.loads(decoder.__getstate__())["type"] != "ByteLevel":
            return False
        return _text(self._tokenizer, _ids(self._tokenizer, self.text)) == self.text


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def _text(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False)
