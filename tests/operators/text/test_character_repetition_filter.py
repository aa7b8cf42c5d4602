from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.text.character_repetition_filter import CharacterRepetitionFilter


def test_by_hand(bench: Any) -> None:
    # "abcabc": ab bc ca ab bc -> 3 distinct, 2 of them repeat, k = min(1, 2) = 1, the largest frequency is 2 of 5
    assert bench.measured(CharacterRepetitionFilter(rep_len=2), "abcabc", "abc", "a", "", "aaaa") == [0.4, 0, 0, 0, 1.0]


def test_counts_code_points_and_sees_case(bench: Any) -> None:
    assert bench.measured(CharacterRepetitionFilter(rep_len=1), "数据数据", "aA") == [0.5, 0.0]


def test_an_n_gram_has_at_least_one_character() -> None:
    with pytest.raises(ValidationError):
        CharacterRepetitionFilter(rep_len=0)
