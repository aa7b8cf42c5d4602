from __future__ import annotations

import re

import pytest

from dj_assets.views.panels import _CHARACTER, WIDTH, _Cut, _labels

LABELS = ("≥ 0.748", "≤ 0.8585")


def extents(pieces: list[str]) -> list[tuple[float, float]]:
    """Return where each label begins and ends."""
    found = []
    for piece, label in zip(pieces, LABELS, strict=True):
        x = float(re.search(r'x="([-\d.]+)"', piece)[1])
        anchor = re.search(r'class="l ?(\w?)"', piece)[1]
        width = len(label) * _CHARACTER
        start = {"": x, "m": x - width / 2, "e": x - width}[anchor]
        found.append((start, start + width))
    return found


@pytest.mark.parametrize("places", [(0, 4), (20, 30), (100, 180), (WIDTH - 55, WIDTH - 25), (WIDTH - 2, WIDTH)])
def test_no_label_lies_over_another_or_over_the_edge(places):
    first, second = extents(_labels([_Cut(x, label, True) for x, label in zip(places, LABELS, strict=True)]))
    assert first[0] >= -1e-3
    assert first[1] < second[0]
    assert second[1] <= WIDTH + 1e-3
