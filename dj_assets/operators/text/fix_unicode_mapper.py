"""Broken Unicode."""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import Any

import pyarrow.compute as pc
from pydantic import field_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.text.substitution import compiled, rewrite

FORMS = ("NFC", "NFKC", "NFD", "NFKD")
SEGMENT = 1_000_000

# ASCII without control characters and ampersands: nothing that ftfy would change.
PLAIN = r"\t\n\x20-\x25\x27-\x7e"
# Letters that no fixer changes and that no sign of mojibake is made of alone: Cyrillic, Hebrew, Arabic, Devanagari,
# Thai, Chinese, Japanese, Korean. A line of them is left as it is, unless it has to be normalised.
INERT = (
    PLAIN + "\u0401\u0404\u0406\u0407\u0410-\u044f\u0451\u0454\u0456\u0457\u05d0-\u05ea\u0621-\u064a\u0660-\u0669"
    "\u0900-\u0965\u0e01-\u0e32\u0e34-\u0e3a\u3001\u3002\u300a-\u300d\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3"
)


@register("fix_unicode_mapper")
class FixUnicodeMapper(Mapper):
    """Repair mojibake, HTML entities, control characters, quotes and widths with ftfy (Speer 2019), then normalise.

    `normalization` is one of NFC (the default), NFKC, NFD, NFKD in any case.
    """

    normalization: str | None = None

    @field_validator("normalization")
    @classmethod
    def _known_form(cls, form: str | None) -> str | None:
        if form and form.upper() not in FORMS:
            raise ValueError(f"{form!r} is not a normalization form; use one of {', '.join(FORMS)}")
        return form

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with every text repaired."""
        import ftfy

        form: Any = self.normalization.upper() if self.normalization else "NFC"
        config = ftfy.TextFixerConfig(normalization=form, explain=False)
        return rewrite(batch, pc.match_substring_regex(batch.text, f"[^{PLAIN}]"), partial(_fixed, config=config))


def _fixed(text: str, config: Any) -> str:  # noqa: ANN401 - ftfy is loaded where it is used
    """Repair line by line, as ftfy does, and only the lines that may need it."""
    import ftfy

    markup = text.find("<")
    literal = config._replace(unescape_html=False)
    plain, inert = compiled(f"[{PLAIN}]*+", 0), compiled(f"[{INERT}]*+", 0)
    lines = text.split("\n")
    fixed, start = [], 0
    for number, line in enumerate(lines):
        segment = line if number == len(lines) - 1 else line + "\n"
        end = start + len(segment)
        if len(segment) > SEGMENT:
            return str(ftfy.fix_text(text, config))
        if not plain.fullmatch(line) and not (
            inert.fullmatch(line) and unicodedata.is_normalized(config.normalization, line)
        ):
            # from the first angle bracket on the text counts as markup, whose entities stay
            segment = ftfy.fix_and_explain(segment, literal if 0 <= markup < end else config).text
        fixed.append(segment)
        start = end
    return "".join(fixed)
