"""Prepare texts for the deduplicators over shingles."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt, field_validator

from dj_assets.errors import SampleError
from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.text_views import lowered

PUNCTUATION = r"\p{P}"
MOST_SHINGLE_BYTES = 4_000_000_000


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
        if self.ignore_pattern == PUNCTUATION:
            text = _without_punctuation(text)
        elif self.ignore_pattern:
            text = _without(self.ignore_pattern, text)
        check_cost(text, self.window_size, spaces=getattr(self, "tokenization", "") == "space")
        return text


def check_cost(texts: pa.StringArray, window: int, *, spaces: bool) -> None:
    """Raise for a text whose shingles have too many bytes in all: each of them is hashed by itself.

    A text of n units has n - `window` + 1 shingles. Units are separated by spaces (`spaces`), or each character may be
    one.

    Raises
    ------
    SampleError
        If a text has more than 4 GB of shingles, which take about two seconds.
    """
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    large = np.flatnonzero(sizes * float(window) > MOST_SHINGLE_BYTES)
    for at in large.tolist():
        text = texts[at].as_py()
        units = text.count(" ") + 1 if spaces else len(text)
        if (units - window) * (sizes[at] / units) * window > MOST_SHINGLE_BYTES:
            raise SampleError(f"too many bytes in shingles of {window:,} units; use a smaller window_size")


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
def separators(tokenization: str) -> npt.NDArray[np.uint8]:
    """Return 1 for every code point that separates units, shape `(0x110000,)`.

    Units of the other tokenizations are not found by a table: for them it is empty.
    """
    import regex

    from dj_assets.kernels.code_points import all_characters

    pattern = {"punctuation": rf"{PUNCTUATION}+", "word": r"\W+"}.get(tokenization)
    if pattern is None:
        return np.zeros(0, np.uint8)
    characters = all_characters()
    flags: npt.NDArray[np.uint8] = np.zeros(len(characters), np.uint8)
    for found in regex.finditer(pattern, characters):
        flags[found.start() : found.end()] = 1
    return flags
