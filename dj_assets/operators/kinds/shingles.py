"""Prepare texts for the deduplicators over shingles."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import PositiveInt, field_validator

from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.text_views import lowered

PUNCTUATION = r"\p{P}"


class ShingleDeduplicator(Deduplicator):
    """Compute signatures from the shingles of a text: `window_size` adjacent units each.

    Matches of `ignore_pattern` are removed before. With `keep_short_texts` a text too short for one shingle has no
    signature, and therefore no duplicate.
    """

    window_size: PositiveInt = 6
    lowercase: bool = True
    ignore_pattern: str | None = None
    keep_short_texts: bool = False

    @field_validator("ignore_pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        import regex

        try:
            regex.compile(pattern or "")
        except regex.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return pattern

    def prepared(self, batch: Batch) -> pa.StringArray:
        """Return the texts in lower case (with `lowercase`), without matches of `ignore_pattern`."""
        text = lowered(batch) if self.lowercase else batch.text
        if not self.ignore_pattern:
            return text
        return _without_punctuation(text) if self.ignore_pattern == PUNCTUATION else _without(self.ignore_pattern, text)


def _without(pattern: str, text: pa.StringArray) -> pa.StringArray:
    import regex

    ignored = regex.compile(pattern)
    return pa.array([ignored.sub("", value) for value in text.to_pylist()], pa.string())


def _without_punctuation(text: pa.StringArray) -> pa.StringArray:
    """Delete punctuation without a regular expression; nearly every recipe has this pattern."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import replace_characters, replacements, row_bounds

    data, offsets = buffers(text)
    deleted = replace_characters(data, *row_bounds(offsets), replacements(_punctuation()))
    return text if deleted is None else strings(*deleted)


@cache
def _punctuation() -> dict[str, str]:
    """Return a table that deletes every punctuation character."""
    import regex

    from dj_assets.kernels.code_points import all_characters

    return dict.fromkeys(regex.findall(PUNCTUATION, all_characters()), "")


@cache
def punctuation_flags() -> npt.NDArray[np.uint8]:
    """Return 1 for every code point that is punctuation, shape `(0x110000,)`."""
    flags = np.zeros(0x110000, np.uint8)
    flags[[ord(character) for character in _punctuation()]] = 1
    return flags
