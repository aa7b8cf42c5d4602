from __future__ import annotations

from typing import Any

from dj_assets.operators.text.special_characters_filter import SpecialCharactersFilter


def test_blanks_digits_marks_and_some_letters_are_special(bench: Any) -> None:
    texts = ["", "ab 1", "!?", "一二", "Гг", "👩\u200d👧"]
    assert bench.measured(SpecialCharactersFilter(), *texts) == [0.0, 0.5, 1.0, 0.5, 0.5, 2 / 3]
