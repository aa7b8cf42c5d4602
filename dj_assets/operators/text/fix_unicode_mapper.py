"""Repair broken Unicode."""

from __future__ import annotations

import html
import unicodedata
from itertools import pairwise
from typing import cast

import pyarrow as pa
from pydantic import field_validator

from dj_assets import settings
from dj_assets.errors import SampleError
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.character_table import replace_by_table
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register
from dj_assets.operators.views.unicode_repair import Form, repair_tables

FORMS = ("NFC", "NFKC", "NFD", "NFKD")
# Texts of no language have more marks on one letter.
MOST_MARKS = 1000
# Limit on the levels of entities, times the length of the line: each level is one more pass over it.
LONGEST_DECODING = 5_000_000
# ftfy cuts longer lines in pieces.
LONGEST_SEGMENT = 1_000_000


@register("fix_unicode_mapper")
class FixUnicodeMapper(Mapper):
    """Repair mojibake, HTML entities, control characters, quotes and widths with ftfy (Speer 2019), then normalise.

    `normalization` is NFC (the default), NFKC, NFD or NFKD, in any case.

    A text is quarantined if it takes too long to repair: with 1,000 combining marks in a row that are not in their
    order, or with entities of entities of entities in a long line.
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
        form = cast("Form", self.normalization.upper() if self.normalization else "NFC")
        if settings.plain_kernels():
            return batch.with_text(pa.array([_by_library(text, form) for text in batch.text.to_pylist()], pa.string()))
        from dj_assets.kernels.arrays import buffers, strings
        from dj_assets.kernels.replacements import gather
        from dj_assets.kernels.splice import splice
        from dj_assets.kernels.unicode_repair import doubtful_lines

        tables = repair_tables(form)
        data, offsets = buffers(batch.text)
        starts, ends, seen, replaced = doubtful_lines(data, offsets, tables.characters)
        if len(starts):
            lines = strings(*gather(data, starts, ends)).to_pylist()
            fixed = [_fixed(line, why, form) for line, why in zip(lines, seen.tolist(), strict=True)]
            patches = pa.array(fixed, pa.string())
            batch = batch.with_text(strings(*splice(data, offsets, starts, ends, *buffers(patches))))
        # a line that ftfy repaired contains no more characters to replace
        return replace_by_table(batch, tables.replacements) if replaced else batch


def _check_cost(line: str) -> None:
    """Refuse lines that ftfy repairs in quadratic time: entities of entities of entities, and marks out of order.

    Every pass decodes one level of the entities, and the last pass sorts the marks, also those that were entities.
    """
    chains = compiled(r"&(?:#?[0-9A-Za-z]{1,24};){2,}+", 0).finditer(line)
    if max((chain[0].count(";") for chain in chains), default=0) * len(line) > LONGEST_DECODING:
        raise SampleError("entities of entities, too many to be decoded in time")
    for text in (line, _decoded(line)) if "&" in line else (line,):
        for run in compiled(rf"(?<!\p{{M}})\p{{M}}{{{MOST_MARKS},}}+", 0).finditer(text):
            marks = (part for mark in run[0] for part in unicodedata.normalize("NFD", mark))
            if any(before > after > 0 for before, after in pairwise(map(unicodedata.combining, marks))):
                raise SampleError(f"{len(run[0])} combining marks in a row, out of order")


def _decoded(line: str) -> str:
    while (decoded := html.unescape(line)) != line:
        line = decoded
    return line


def _by_library(text: str, form: Form) -> str:
    import ftfy

    for line in text.split("\n"):
        if len(line) >= MOST_MARKS:
            _check_cost(line)
    return ftfy.fix_text(text, ftfy.TextFixerConfig(normalization=form, explain=False))


def _fixed(line: str, seen: int, form: Form) -> str:
    """Repair a line, with ftfy if steps could change it that `_repaired` leaves out."""
    if len(line) >= MOST_MARKS:
        _check_cost(line)
    from dj_assets.kernels.unicode_repair import MARKUP, RETURN

    if seen & ~MARKUP == RETURN:
        return line[:-2] + "\n"
    # after the first angle bracket the text counts as markup, whose entities stay
    escaped = not seen & MARKUP and "<" not in line
    repaired = _repaired(line, form, escaped=escaped) if len(line) <= LONGEST_SEGMENT else None
    if repaired is not None:
        return repaired
    import ftfy

    return ftfy.fix_text(line, ftfy.TextFixerConfig(normalization=form, explain=False, unescape_html=escaped))


def _repaired(line: str, form: Form, *, escaped: bool) -> str | None:
    """Return a line after all passes of ftfy, None if it has a character for which ftfy has steps of its own.

    ftfy repeats its sixteen steps until none changes the line. For the characters that `repair_tables` knows, those
    that can change it are the five below.
    """
    import ftfy
    from ftfy.badness import is_bad
    from ftfy.fixes import unescape_html

    tables = repair_tables(form)
    settled = ""
    while True:
        before = line
        if escaped and "&" in line:
            line = unescape_html(line)
        # what has no bad sequence, as all ASCII, keeps its encoding, and so does what this step has repaired
        if not line.isascii() and line != settled and is_bad(line):
            line = settled = ftfy.fix_encoding(line)
        if line.endswith("\r\n"):
            line = line[:-2] + "\n"
        if not tables.has_only_known(line):
            return None
        if not line.isascii():
            line = unicodedata.normalize(form, line.translate(tables.replaced))
        if line == before:
            return line
