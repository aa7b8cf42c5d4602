from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from ftfy import fixes

from dj_assets.kernels.unicode_repair import ASK, MARK, REPLACED, SAFE
from dj_assets.operators.views.mojibake import CODE_POINTS, suspicion
from dj_assets.operators.views.unicode_repair import Form, repair_tables


@pytest.mark.parametrize("form", ["NFC", "NFKD"])
def test_every_character_alone_is_what_the_tables_say(form: Form) -> None:
    tables = repair_tables(form)
    kinds = tables.characters.kinds[tables.characters.classes]
    alone = suspicion().alone
    wrong = []
    # every seventh character, and all of the blocks with marks, ligatures and wide letters
    for point in (*range(0x20, 0x3200), *range(0x3200, CODE_POINTS, 7), *range(0xF900, 0x10000)):
        character = chr(point)
        fixed = character
        for fixer in (fixes.fix_latin_ligatures, fixes.fix_character_width, fixes.uncurl_quotes):
            fixed = fixer(fixed)
        fixed = fixes.remove_control_chars(fixed)
        if (
            unicodedata.category(character) in {"Cc", "Cs", "Cn", "Zl", "Zp"}
            or alone[point]
            or unicodedata.normalize(form, fixed) != fixed
        ):
            expected = {ASK}
        elif fixed != character:
            expected = {ASK, REPLACED}
        else:
            expected = {MARK} if unicodedata.combining(character) else {SAFE, MARK}
        if kinds[point] not in expected:
            wrong.append(f"U+{point:04X}: {kinds[point]}")
    assert wrong == []


def test_characters_that_compose_with_the_one_before_are_marks() -> None:
    tables = repair_tables("NFC")
    seconds = {
        unicodedata.normalize("NFD", chr(point))[-1]
        for point in range(0xA0, 0xFB50)
        if len(unicodedata.normalize("NFD", chr(point))) == 2 and not 0xAC00 <= point < 0xD7A4
    }
    composing = {second for second in seconds if ord(second) < CODE_POINTS}
    kinds = tables.characters.kinds[tables.characters.classes]
    assert len(composing) > 50
    assert np.isin(kinds[[ord(second) for second in composing]], (MARK, ASK)).all()
