from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.whitespace_normalization_mapper import WHITE_SPACE, WhitespaceNormalizationMapper


def naive(text: str) -> str:
    return "".join(" " if c in WHITE_SPACE else c for c in text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  a\u3000\u00a0b \n",
        "\u200bx\u200b",
        "a\tb\nc\r\nd\u2028e",
        "\x1c\x85a\x1f",
        " \t ",
        "👩\u200d👧",
        "\ufeffa",
    ],
)
def test_strip_then_replace(bench: Any, text: str) -> None:
    assert bench.rewritten(WhitespaceNormalizationMapper(), text) == [naive(text)]


def test_what_is_white_space() -> None:
    assert len(WHITE_SPACE) == 23
    assert not set("\n\r\v\f\x85\u1680\u180e\u2028\u2029\ufeff") & set(WHITE_SPACE)


def test_stripping_alone_is_enough_to_change_a_text(bench: Any) -> None:
    assert bench.rewritten(WhitespaceNormalizationMapper(), "\na\n", "b") == ["a", "b"]


def test_texts_without_any_are_left_alone(bench: Any) -> None:
    made = WhitespaceNormalizationMapper()
    batch = bench.batch(made, ["plain text", "数据"])
    assert made.apply(batch) is batch
