"""Remove exact duplicates."""

from __future__ import annotations

import hashlib
import re
import string
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Deduplicator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register

NON_CHARACTERS = rf"\s+|\d+|[{re.escape(string.punctuation)}]"


@register("document_deduplicator")
class DocumentDeduplicator(Deduplicator):
    """Keep the first of texts that are equal.

    White space at the ends is ignored. With `lowercase`, case is ignored, too; with `ignore_non_character`, white
    space, digits and ASCII punctuation are ignored. The signature is the MD5 of the remaining text.
    """

    signature_type: ClassVar[pa.DataType] = pa.binary(16)

    lowercase: bool = False
    ignore_non_character: bool = False

    def sign(self, batch: Batch) -> pa.Array:
        """Return the MD5 of every text."""
        digests = [hashlib.md5(self._prepared(text).encode()).digest() for text in batch.text.to_pylist()]  # noqa: S324
        return pa.array(digests, self.signature_type)

    def _prepared(self, text: str) -> str:
        if self.lowercase:
            text = text.lower()
        if self.ignore_non_character:
            text = compiled(NON_CHARACTERS, 0).sub("", text)
        return text.strip()
