"""Remove the text before the first heading of LaTeX."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

HEADING = r"\\(?:chapter|part|(?:sub){0,2}section|(?:sub)?paragraph)\*?[\[{]"


@register("remove_header_mapper")
class RemoveHeaderMapper(Mapper):
    r"""Remove everything before the first heading of LaTeX: `\chapter`, `\part`, `\section` down to `\subparagraph`.

    The heading stays. A text without a heading becomes empty; without `drop_no_head` it is left unchanged.
    """

    drop_no_head: bool = True

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without headers."""
        headed = pc.match_substring_regex(batch.text, HEADING)
        candidates = pa.array([True] * len(batch), pa.bool_()) if self.drop_no_head else headed
        return rewrite(batch, candidates, self._from_heading)

    def _from_heading(self, text: str) -> str:
        # a heading is complete if a closing brace follows, after its optional short form; one search from the end, so
        # that a text full of incomplete headings takes no longer than any other
        last_brace = text.rfind("}")
        last_short_form = text.rfind("]{", 0, max(last_brace, 0))
        for heading in compiled(HEADING, 0).finditer(text):
            end = heading.end()
            if last_brace >= end if heading[0].endswith("{") else last_short_form >= end:
                return text[heading.start() :]
        return "" if self.drop_no_head else text
