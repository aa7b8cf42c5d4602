from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers, strings
from dj_assets.kernels.code_points import all_characters
from dj_assets.kernels.lower_case import lower_case, lower_points


def lowered(texts: pa.StringArray) -> tuple[list[str], list[bool]]:
    data, offsets = buffers(texts)
    lower, asked = lower_case(data, offsets, lower_points())
    return strings(lower, offsets.astype(np.int64) - offsets[0]).to_pylist(), asked.tolist()


@given(st.lists(st.text("aÉéΣΑβЖЇ ẞKİȺ😀𐐀") | st.text(), max_size=5), st.integers(0, 5))
def test_as_python_or_python_is_asked(texts: list[str], first: int) -> None:
    found, asked = lowered(pa.array(texts, pa.string())[first:])
    for text, lower, ask in zip(texts[first:], found, asked, strict=True):
        assert ask or lower == text.lower()


def test_every_character_and_few_are_asked_for() -> None:
    characters = [character for character in all_characters() if not 0xD800 <= ord(character) < 0xE000]
    found, asked = lowered(pa.array(characters))
    wrong = [c for c, lower, ask in zip(characters, found, asked, strict=True) if not ask and lower != c.lower()]
    assert wrong == []
    assert {"Σ", "İ", "Ⱥ"} <= {c for c, ask in zip(characters, asked, strict=True) if ask}
    assert sum(asked) < 50
