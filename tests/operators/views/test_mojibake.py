from __future__ import annotations

import re
from itertools import pairwise

import pytest
from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.operators.views.mojibake import _alternatives, suspicion

SIGNS = sorted(
    {
        c
        for c in map(chr, range(128, 0x3000))
        if re.match(f"[{''.join(MOJIBAKE_CATEGORIES.values())}œŒ°ŠžŸ²³±∂†≠ìîïâóВвЂГ]", c)
    }
)


def suspicious(text: str) -> bool:
    table, points = suspicion(), [ord(c) for c in text]
    pairs = any(table.first[a] & table.second[b] for a, b in pairwise(points))
    return pairs or any(table.alone[point] for point in points)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([*SIGNS, " ", "a", "Z", ".", "\n"]), min_size=1, max_size=5).map("".join))
def test_whatever_ftfy_calls_bad_is_suspicious(text: str) -> None:
    assert suspicious(text) or not is_bad(text)


@pytest.mark.parametrize(
    "text", ["“Ça va”, dit-elle — très bien…", "Müller’s Straße", "5 × 3 ≤ 20 €", "Ωμέγα", "Привет"]
)
def test_prose_is_not(text: str) -> None:
    assert not suspicious(text)


def test_no_ascii_character_is_a_first_one() -> None:
    assert not suspicion().first[:128].any()
    assert not suspicion().alone[:128].any()


def test_every_alternative_of_the_pattern_is_in_the_table() -> None:
    assert len(list(_alternatives(BADNESS_RE))) > 30


def test_a_pattern_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="no list of alternatives"):
        list(_alternatives(re.compile("[ab]c")))
