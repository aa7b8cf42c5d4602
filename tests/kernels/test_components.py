from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.components import components


def labelled(n: int, edges: list[tuple[int, int]]) -> list[int]:
    ends = np.array(edges, np.int64).reshape(-1, 2)
    return components(n, ends[:, 0].copy(), ends[:, 1].copy()).tolist()


def naive(n: int, edges: list[tuple[int, int]]) -> list[int]:
    labels = list(range(n))
    for _ in range(n):
        for a, b in edges:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_labels_are_the_smallest_of_their_component(edges: list[tuple[int, int]]) -> None:
    assert labelled(20, edges) == naive(20, edges)


def test_by_hand() -> None:
    assert labelled(6, [(4, 3), (5, 4), (1, 1)]) == [0, 1, 2, 3, 3, 3]
    assert labelled(0, []) == []
    assert labelled(100_000, [(i, i + 1) for i in range(99_999)]) == [0] * 100_000
