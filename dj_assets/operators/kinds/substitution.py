"""Replace matches of a pattern, for several mappers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch

if TYPE_CHECKING:
    import regex


@cache
def compiled(pattern: str, flags: int) -> regex.Pattern[str]:
    """Compile a pattern of the package `regex`."""
    import regex

    return regex.compile(pattern, flags)


def rewrite(batch: Batch, candidates: pa.BooleanArray, edit: Callable[[str], str]) -> Batch:
    """Return the batch with the candidate texts edited and the others unchanged."""
    if not pc.any(candidates).as_py():
        return batch
    edited = [edit(text) for text in batch.text.filter(candidates).to_pylist()]
    return batch.with_text(pc.replace_with_mask(batch.text, candidates, pa.array(edited, pa.string())))


def rewrite_words(
    batch: Batch, neighbours: tuple[tuple[str, str], ...], trace: str, edit: Callable[[str], str]
) -> Batch:
    """Return the batch with words edited that contain two adjacent neighbours and match the trace."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import gather
    from dj_assets.kernels.splice import splice
    from dj_assets.kernels.words import words_with

    data, offsets = buffers(batch.text)
    starts, ends = words_with(data, offsets, _pairs_of_bytes(neighbours))
    words = strings(*gather(data, starts, ends))
    chosen = pc.match_substring_regex(words, trace)
    if not pc.any(chosen).as_py():
        return batch
    # texts repeat the same few links and names, so each distinct word is edited once
    found = words.filter(chosen).dictionary_encode()
    edited = pa.array([edit(word) for word in found.dictionary.to_pylist()], pa.string()).take(found.indices)
    at = chosen.to_numpy(zero_copy_only=False)
    return batch.with_text(strings(*splice(data, offsets, starts[at], ends[at], *buffers(edited))))


@cache
def _pairs_of_bytes(neighbours: tuple[tuple[str, str], ...]) -> npt.NDArray[np.uint8]:
    """Return a flag for each pair of adjacent bytes that is searched: `256 * first + second`, shape `(65536,)`."""
    pairs = np.zeros((256, 256), np.uint8)
    every = bytes(range(256)).decode("latin-1")
    for classes in neighbours:
        first, second = (np.array([re.match(f"[{chars}]", c) is not None for c in every]) for chars in classes)
        pairs |= np.outer(first, second)
    return pairs.ravel()


class SubstitutionMapper(Mapper):
    """Replace every match of `pattern` by the template `repl`, with the syntax of the package `regex`.

    A pattern may be written as `r'...'`; the dot matches line feeds, too. Subclasses define the default pattern. It
    matches no white space, and depends on white space only to detect the end of a word. So the default pattern is
    applied only to words in which it may match: those with two adjacent bytes of `neighbours` (pairs of sets, written
    like a class of a regular expression) that also match `trace`, an RE2 pattern.
    """

    default_pattern: ClassVar[str] = ""
    default_flags: ClassVar[int] = 0
    neighbours: ClassVar[tuple[tuple[str, str], ...]] = ()
    trace: ClassVar[str] = ""

    pattern: str | None = None
    repl: str = ""

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        import regex

        try:
            regex.compile(bare(pattern or ""))
        except regex.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return pattern

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with every match replaced."""
        import regex

        if self.pattern is not None:
            expression = compiled(bare(self.pattern), int(regex.DOTALL))
            everything = pa.array([True] * len(batch), pa.bool_())
            return rewrite(batch, everything, lambda text: str(expression.sub(self.repl, text)))
        expression = compiled(self.default_pattern, self.default_flags | int(regex.DOTALL))
        return rewrite_words(batch, self.neighbours, self.trace, lambda word: self.replaced(word, expression))

    def replaced(self, word: str, expression: regex.Pattern[str]) -> str:
        """Return a word with every match of the default pattern replaced."""
        return str(expression.sub(self.repl, word))


def bare(pattern: str) -> str:
    """Return a pattern without the quotes of a Python raw string."""
    quoted = len(pattern) > 2 and pattern.startswith(("r'", 'r"')) and pattern[-1] == pattern[1]
    return pattern[2:-1] if quoted else pattern
