from __future__ import annotations

import math

import pytest

from dj_assets.analysis.figures import compact, percent, rate


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (986, 1000, "98.6 %"),
        (12635, 12637, "99.98 %"),
        (1, 100_000, "0.001 %"),
        (344_491_170, 344_491_171, "> 99.9999 %"),
        (1, 344_491_171, "< 0.0001 %"),
        (3, 0, "–"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


def test_published_rates_have_two_decimals() -> None:
    assert rate(0.9442) == "94.42 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.231, "0.231"),
        (-1.5, "-1.5"),
        (1453.2, "1,453"),
        (9999, "9,999"),
        (10_000, "10k"),
        (539_754, "539.8k"),
        (12e6, "12M"),
        (0.00001, "1e-05"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_axis_labels_are_short(value: float, text: str) -> None:
    assert compact(value) == text
