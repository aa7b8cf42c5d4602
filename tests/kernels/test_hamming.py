from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.kernels.hamming import block_masks, near_pairs

# a few centres and their neighbours, so that near pairs are many
SIGNATURES = st.lists(
    st.builds(
        lambda centre, flips: centre ^ sum({1 << flip for flip in flips}),
        st.sampled_from([0, 2**64 - 1, 0x0123456789ABCDEF]),
        st.lists(st.integers(0, 63), max_size=6),
    ),
    max_size=40,
)


def brute_force(values: list[int], distance: int) -> list[tuple[int, int, int]]:
    apart = {(i, j): (values[i] ^ values[j]).bit_count() for i, j in combinations(range(len(values)), 2)}
    return [(i, j, bits) for (i, j), bits in apart.items() if bits <= distance]


@settings(deadline=None)
@given(SIGNATURES, st.sampled_from([(4, 6), (7, 9), (0, 1), (3, 4), (1, 8), (5, 6)]))
def test_every_near_pair_once(signatures: list[int], steering: tuple[int, int]) -> None:
    values = sorted(set(signatures))
    found = near_pairs(np.array(values, np.uint64), *steering)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == brute_force(values, steering[0])


@pytest.mark.parametrize("blocks", [1, 6, 7, 10, 64])
def test_blocks_cover_every_bit_once(blocks: int) -> None:
    masks = block_masks(blocks).tolist()
    assert len(masks) == blocks
    assert sum(masks) == 2**64 - 1
    assert all(a & b == 0 for a, b in combinations(masks, 2))


def test_more_pairs_than_the_first_room_for_them() -> None:
    values = np.array([sum(1 << bit for bit in bits) for bits in combinations(range(16), 2)], np.uint64)
    values.sort()
    a, _, apart = near_pairs(values, 4, 6)
    assert len(a) == len(values) * (len(values) - 1) // 2
    assert set(apart.tolist()) == {2, 4}
