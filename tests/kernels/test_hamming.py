from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.kernels.hamming import Search, block_masks, near_pairs, sorted_pairs

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
    return [(values[i], values[j], bits) for (i, j), bits in apart.items() if bits <= distance]


def rows(found: tuple[np.ndarray, ...]) -> list[tuple[int, int, int]]:
    return list(zip(*(column.tolist() for column in found), strict=True))


@settings(deadline=None)
@given(SIGNATURES, st.sampled_from([0, 1, 3, 4, 5, 7, 20, 62, 63]), st.sampled_from([1, 3]))
def test_every_near_pair_once(signatures: list[int], distance: int, threads: int) -> None:
    values = sorted(set(signatures))
    assert rows(near_pairs(np.array(values, np.uint64), distance, threads)) == brute_force(values, distance)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_blocks_and_parts_do_not_matter(data: st.DataObject) -> None:
    seed, distance = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 7))
    rng = np.random.default_rng(seed)
    few = rng.integers(0, 2**64, 40, np.uint64)
    # crowded, so that groups are made at every level before the values are compared
    values = np.unique(rng.choice(few, 1500) ^ (rng.integers(0, 2**64, 1500, np.uint64) & np.uint64(0xF00F00F00F)))
    wanted = near_pairs(values, distance)
    steered = Search(distance, data.draw(st.integers(max(6, distance + 1), 16)), data.draw(st.integers(0, 3)))
    parts = (steered.pairs(steered.chosen(values, *part), part[0]) for part in steered.parts)
    assert rows(sorted_pairs(parts)) == rows(wanted)
    for first, start in steered.parts:
        chosen = values[steered.starts(values, first) == start]
        assert steered.chosen(values, first, start).tolist() == chosen.tolist()


def test_a_crowd_is_searched_exactly() -> None:
    rng = np.random.default_rng(1)
    values = np.unique(rng.integers(0, 2**64, 3000, np.uint64) & np.uint64(0x3F3F))
    assert rows(near_pairs(values, 2)) == brute_force(values.tolist(), 2)


def test_more_values_take_more_blocks() -> None:
    assert [Search.of(count, 4, 1 << 22).blocks for count in (100, 10**7, 10**10)] == [6, 6, 7]
    assert Search.of(10**8, 4, 1 << 22).bits == 5
    assert Search.of(100, 63, 1 << 22).blocks == 64


@pytest.mark.parametrize("blocks", [1, 6, 7, 10, 64])
def test_blocks_cover_every_bit_once(blocks: int) -> None:
    masks = block_masks(blocks).tolist()
    assert len(masks) == blocks
    assert sum(masks) == 2**64 - 1
    assert all(a & b == 0 for a, b in combinations(masks, 2))


def test_more_pairs_than_the_first_room_for_them() -> None:
    values = np.array([sum(1 << bit for bit in bits) for bits in combinations(range(16), 2)], np.uint64)
    values.sort()
    a, _, apart = near_pairs(values, 4)
    assert len(a) == len(values) * (len(values) - 1) // 2
    assert set(apart.tolist()) == {2, 4}
