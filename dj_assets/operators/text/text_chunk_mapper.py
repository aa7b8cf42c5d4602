"""Split texts into chunks, one sample each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

import pyarrow as pa
from pydantic import NonNegativeInt, PositiveInt, field_validator, model_validator

from dj_assets.errors import SampleError
from dj_assets.models import load
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register

# A tokenizer splits the rest of a text for every chunk. These are a minute or two of work for one text.
MOST_CHARACTERS = 100_000_000


@register("text_chunk_mapper")
class TextChunkMapper(Expander):
    r"""Replace every sample by chunks of its text; the other fields are copied.

    With `split_pattern` alone, a regular expression, the text is split at its matches. A match that is not blank is a
    chunk of its own; blank chunks are left out. With `max_len` alone, chunks have `max_len` characters, or tokens of
    the Hugging Face `tokenizer`, and share `overlap_len` with the next one. With both, a text that is too long is cut
    at the last match inside the first `max_len` characters or tokens, without the match; if there is none, after
    `max_len` with the overlap. An empty match at the start of a text is no place to cut. With a tokenizer, a text whose
    rests have more than 100 million characters in all is quarantined: each rest is split into tokens.
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
        units = _Tokens(load.tokenizer(batch.models.find(name).path)) if (name := self._counted_by) else _Characters()
        chunks = [list(self._chunks(text, units)) for text in batch.text.to_pylist()]
        return pa.array(chunks, pa.list_(pa.string()))

    def _chunks(self, text: str, units: _Characters | _Tokens) -> Iterator[str]:
        if self.max_len is None:
            yield from (chunk for chunk in re.split(f"({self.split_pattern})", text) if chunk and chunk.strip())
        elif self.split_pattern is None:
            whole = units.split(text)
            step = self.max_len - self.overlap_len
            ends = range(0, len(whole), step) if len(whole) > self.max_len else (0,)
            yield from (units.join(whole[start : start + self.max_len]) for start in ends)
        else:
            yield from self._cut(text, self.max_len, re.compile(self.split_pattern), units)

    def _cut(self, text: str, longest: int, pattern: re.Pattern[str], units: _Characters | _Tokens) -> Iterator[str]:
        in_all = 0
        while True:
            in_all += len(text)
            if in_all > MOST_CHARACTERS and isinstance(units, _Tokens):
                raise SampleError(
                    f"its rest is split into tokens for every chunk, above {MOST_CHARACTERS:,} characters in all; use "
                    "a larger max_len, or no tokenizer"
                )
            whole = units.split(text)
            if len(whole) <= longest:
                yield text
                return
            front = units.join(whole[:longest])
            last = None
            for match in pattern.finditer(front):
                last = match if match.end() else last
            if last is None:
                yield front
                text = units.join(whole[longest - self.overlap_len :])
            else:
                yield front[: last.start()]
                text = text[last.end() :]


class _Characters:
    """Count lengths in characters."""

    def split(self, text: str) -> str:
        return text

    def join(self, units: Any) -> str:  # noqa: ANN401 - what `split` returned
        return str(units)


class _Tokens:
    """Count lengths in tokens."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - the package has no types
        self.tokenizer = tokenizer

    def split(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def join(self, units: Any) -> str:  # noqa: ANN401 - what `split` returned
        return str(self.tokenizer.decode(units, skip_special_tokens=False))
