"""Remove lines that many documents share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import CorpusMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_deduplicator import NON_CHARACTERS
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register

_BRACKETS = frozenset("{}[]();")
_LATEX = ("\\begin{", "\\end{")
_HTML_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


@register("document_line_deduplicator")
class DocumentLineDeduplicator(CorpusMapper):
    r"""Remove lines that more than `frequency_threshold` documents share, from all of them; no document is dropped.

    Only documents that the operators before this one keep are counted, each once for a line. White space at the ends of
    a line is ignored. With `lowercase`, case is ignored, too; with `ignore_special_character`, white space, digits and
    ASCII punctuation are ignored. Some lines are never removed: lines shorter than `min_line_length`, lines of brackets
    and semicolons, headings of Markdown, `\begin{…}` and `\end{…}` of LaTeX, and lines of one HTML tag. The last four
    kinds are exempt only if their `skip_` parameter is on.

    The documents are read twice: once to count, once to rewrite. A line is identified by the first 64 bits of its MD5.
    With a million frequent lines among a billion, the probability that any other line is removed is 1 in 18,000.
    """

    frequency_threshold: int = Field(6, ge=0)
    lowercase: bool = False
    ignore_special_character: bool = False
    min_line_length: int = 2
    skip_brackets: bool = True
    skip_markdown_headers: bool = True
    skip_latex_env: bool = True
    skip_html_tags: bool = True

    def count(self, batch: Batch) -> pa.Array:
        """Return the keys of the lines of every text that are not exempt."""
        keys = [self._keys(text.split("\n")) for text in batch.text.to_pylist()]
        return pa.array(
            [list(dict.fromkeys(k for k in line_keys if k is not None)) for line_keys in keys], pa.list_(pa.uint64())
        )

    def rewrite(self, batch: Batch, frequent: np.ndarray) -> Batch:
        """Return the batch without the lines whose key is frequent."""
        if not len(frequent):
            return batch
        texts = [text.split("\n") for text in batch.text.to_pylist()]
        keys = [self._keys(lines) for lines in texts]
        removed = _members(frequent, {key for line_keys in keys for key in line_keys if key is not None})
        if not removed:
            return batch
        left = [
            "\n".join(line for line, key in zip(lines, line_keys, strict=True) if key not in removed)
            for lines, line_keys in zip(texts, keys, strict=True)
        ]
        return batch.with_text(pa.array(left, pa.string()))

    def _keys(self, lines: Sequence[str]) -> list[int | None]:
        """Return one key for each line, None for an exempt line."""
        return [None if self._exempt(line.strip()) else self._key(line) for line in lines]

    def _exempt(self, line: str) -> bool:
        return (
            len(line) < self.min_line_length
            or (self.skip_brackets and _BRACKETS.issuperset(line))
            or (self.skip_markdown_headers and line.startswith("#"))
            or (self.skip_latex_env and line.startswith(_LATEX))
            or (self.skip_html_tags and _HTML_TAG.fullmatch(line) is not None)
        )

    def _key(self, line: str) -> int:
        if self.lowercase:
            line = line.lower()
        if self.ignore_special_character:
            line = compiled(NON_CHARACTERS, 0).sub("", line)
        return int.from_bytes(hashlib.md5(line.strip().encode()).digest()[:8])  # noqa: S324 - identifies lines, no security


def _members(of: np.ndarray, keys: set[int]) -> frozenset[int]:
    """Return the keys that occur in a sorted array."""
    wanted = np.fromiter(keys, np.uint64, len(keys))
    indices = np.minimum(np.searchsorted(of, wanted), len(of) - 1)
    return frozenset(wanted[of[indices] == wanted].tolist())
