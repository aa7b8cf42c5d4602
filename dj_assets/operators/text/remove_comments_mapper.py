"""Remove comments from LaTeX."""

from __future__ import annotations

import re

import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register


@register("remove_comments_mapper")
class RemoveCommentsMapper(Mapper):
    r"""Remove LaTeX comments: from a `%` to the end of the line (`inline`), lines that start with `%` (`multiline`).

    As in Data-Juicer, the character before the `%` of an inline comment is removed, too. After a backslash the `%` does
    not start a comment. A `%` at the end of a line stays. `doc_type` has no effect.
    """

    doc_type: str | tuple[str, ...] = "tex"
    inline: bool = True
    multiline: bool = True

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without comments."""
        return rewrite(batch, pc.match_substring(batch.text, "%"), self._without_comments)

    def _without_comments(self, text: str) -> str:
        if self.inline:
            text = compiled(r"[^\\]%.+$", int(re.MULTILINE)).sub("", text)
        if self.multiline:
            text = compiled(r"^%.*\n?", int(re.MULTILINE)).sub("", text)
        return text
