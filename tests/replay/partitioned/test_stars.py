from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.kernels.components import components
from dj_assets.replay.partitioned.exchange import gather
from dj_assets.replay.partitioned.stars import contracted, find_stars, send_edges

EDGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda edge: edge[0] != edge[1]), max_size=40)


def here(work, pieces):
    return [work(*piece) for piece in pieces]


def ends(edges: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    both = np.array(edges, np.int64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def found(folder, senders: list[list[tuple[int, int]]], parts: int) -> dict[int, int]:
    """Return the smallest node of the component of every other, and check that all else are stars around it."""
    files = [folder / f"sender-{number}" for number in range(len(senders))]
    for file, edges in zip(files, senders, strict=True):
        send_edges(file, ends(edges), parts)
    stars = find_stars(here, folder, files, parts)
    got = np.concatenate([np.unique(gather(stars, part)) for part in range(parts)])
    pairs = list(zip(got["node"].tolist(), got["neighbour"].tolist(), strict=True))
    assert sorted(pairs) == sorted((b, a) for a, b in pairs), "told to both ends"
    smallest = {node: neighbour for node, neighbour in pairs if node > neighbour}
    assert len(smallest) == len(pairs) // 2, "every node hangs at one"
    return smallest


def naive(edges: list[tuple[int, int]], nodes: int) -> dict[int, int]:
    labels = components(nodes, *ends(edges)).tolist()
    return {node: label for node, label in enumerate(labels) if node != label}


@settings(deadline=None, max_examples=40)
@given(edges=EDGES, senders=st.integers(1, 3), parts=st.sampled_from([1, 4]))
def test_rounds_find_the_components(tmp_path_factory, edges, senders: int, parts: int) -> None:
    folder = tmp_path_factory.mktemp("stars")
    assert found(folder, [edges[n::senders] for n in range(senders)], parts) == naive(edges, 31)


def test_a_long_path_takes_few_rounds(tmp_path) -> None:
    order = np.random.default_rng(3).permutation(3000)
    path = [(int(a), int(b)) for a, b in pairwise(order)]
    assert found(tmp_path, [path[::2], path[1::2]], 3) == dict.fromkeys(range(1, 3000), 0)
    assert len(list(tmp_path.glob("round-*"))) <= 16


@settings(deadline=None)
@given(EDGES)
def test_contracted_edges_unite_the_same(edges) -> None:
    nodes, smallest = contracted(*ends(edges))
    assert dict(zip(nodes.tolist(), smallest.tolist(), strict=True)) == naive(edges, 31)
