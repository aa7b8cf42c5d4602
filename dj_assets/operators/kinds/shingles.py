"""What the deduplicators over shingles have in common: which text falls into units, and at what."""

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
    """A deduplicator that signs what is left of a text by its shingles: `window_size` adjacent units each.

    With `keep_short_texts` a text too short for a single shingle has no signature, and no duplicate.
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
        """Return the texts in lower case and without what is ignored."""
        text = lowered(batch) if self.lowercase else batch.text
        if not self.ignore_pattern:
            return text
        return _without_punctuation(text) if self.ignore_pattern == PUNCTUATION else _without(self.ignore_pattern, text)


def _without(pattern: str, text: pa.StringArray) -> pa.StringArray:
    import regex

    ignored = regex.compile(pattern)
    return pa.array([ignored.sub("", one) for one in text.to_pylist()], pa.string())


def _without_punctuation(text: pa.StringArray) -> pa.StringArray:
    """Delete punctuation, the pattern of nearly every recipe, without a regular expression."""
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.replacements import replace_characters, replacements, row_bounds

    data, offsets = buffers(text)
    deleted = replace_characters(data, *row_bounds(offsets), replacements(_punctuation()))
    return text if deleted is None else strings(*deleted)


@cache
def _punctuation() -> dict[str, str]:
    """Return every punctuation character, deleted."""
    import regex

    from dj_assets.kernels.code_points import all_characters

    return dict.fromkeys(regex.findall(PUNCTUATION, all_characters()), "")


@cache
def punctuation_flags() -> npt.NDArray[np.uint8]:
    """Return 1 for every code point that is punctuation, shape `(0x110000,)`."""
    flags = np.zeros(0x110000, np.uint8)
    flags[[ord(character) for character in _punctuation()]] = 1
    return flags
