"""Remove copyright notices at the head of source files."""

from __future__ import annotations

import pyarrow.compute as pc

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled, rewrite
from dj_assets.operators.registry import register

HEAD = ("//", "#", "--")


@register("clean_copyright_mapper")
class CleanCopyrightMapper(Mapper):
    """Remove the copyright notice of a source file.

    If the text has a comment `/* … */`, the first one is removed if it contains "copyright" in any case, and nothing
    else is removed. A text without such a comment loses its leading lines that are empty or start with `//`, `#` or
    `--`, whatever their content.
    """

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without copyright notices."""
        return rewrite(batch, pc.match_substring_regex(batch.text, r"\A(?:\n|//|#|--)|/\*|\A\z"), _without_notice)


def _without_notice(text: str) -> str:
    start = text.find("/*")
    end = text.find("*/", start + 2) if start >= 0 else -1
    if end >= 0:
        import regex

        notice = compiled("copyright", int(regex.IGNORECASE)).search(text, start, end)
        return text[:start] + text[end + 2 :] if notice else text
    lines = text.split("\n")
    body = next((i for i, line in enumerate(lines) if line and not line.startswith(HEAD)), len(lines))
    return "\n".join(lines[body:])
