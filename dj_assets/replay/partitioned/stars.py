"""Connected components in rounds over partitioned edges: large star and small star (Kiveris et al. 2014).

Every round connects the neighbours of a node to the smallest of them. When no edge changes any more, each component is
a star around its smallest node. The number of rounds grows with the logarithm of the longest path, not with the number
of edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter

Edges = tuple[np.ndarray, np.ndarray]
# Calls a function with the arguments of every piece, on any machine; returns the results in the order of the pieces.
Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


def contracted(a: np.ndarray, b: np.ndarray) -> Edges:
    """Return edges with the same components: one edge from each node to the smallest node of its component."""
    from dj_assets.kernels.components import components

    nodes, indices = np.unique(np.concatenate((a, b)), return_inverse=True)
    smallest = nodes[components(len(nodes), indices[: len(a)], indices[len(a) :])]
    hanging = smallest != nodes
    return nodes[hanging], smallest[hanging]


def large_star(node: np.ndarray, neighbour: np.ndarray) -> tuple[Edges, int]:
    """Connect the larger neighbours of every node to the smallest one of node and neighbours.

    Every edge is given from both of its ends, all edges of a node in one call. Return the edges and the number of
    changed ones.
    """
    node, neighbour, smallest = _with_smallest(node, neighbour)
    smallest = np.minimum(smallest, node)
    larger = neighbour > node
    return (neighbour[larger], smallest[larger]), int((smallest != node)[larger].sum())


def small_star(node: np.ndarray, neighbour: np.ndarray) -> tuple[Edges, int]:
    """Connect every node and its smaller neighbours to the smallest of these neighbours.

    Every edge is given from its larger end, all edges of a node in one call. Return the edges and the number of changed
    ones.
    """
    node, neighbour, smallest = _with_smallest(node, neighbour)
    other = neighbour != smallest
    edges = np.concatenate((node[~other], neighbour[other])), np.concatenate((smallest[~other], smallest[other]))
    return edges, int(other.sum())


def _with_smallest(node: np.ndarray, neighbour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct edges, sorted, and for each edge the smallest neighbour of its node."""
    node, neighbour = distinct_edges(node, neighbour)
    begins = np.flatnonzero(np.concatenate(([True], node[1:] != node[:-1]))[: len(node)])
    return node, neighbour, np.repeat(neighbour[begins], np.diff(np.append(begins, len(node))))


def distinct_edges(node: np.ndarray, neighbour: np.ndarray) -> Edges:
    """Return every edge once, sorted."""
    order = np.lexsort((neighbour, node))
    node, neighbour = node[order], neighbour[order]
    first = np.ones(len(node), bool)
    first[1:] = (node[1:] != node[:-1]) | (neighbour[1:] != neighbour[:-1])
    return node[first], neighbour[first]


def send_edges(path: Path, edges: Edges, receivers: int) -> None:
    """Send every edge to the receivers of both of its ends."""
    node, neighbour = np.concatenate(edges), np.concatenate(edges[::-1])
    scatter(path, records(node=node, neighbour=neighbour), receiver_of(node, receivers), receivers)


def find_stars(run: Run, folder: Path, senders: Sequence[Path], parts: int) -> list[Path]:
    """Turn every component of the edges in the files into a star around its smallest node, round by round.

    `senders` are files that `send_edges` wrote. The returned files have the same format, one for each of n `parts`.
    """
    number = 0
    while True:
        here = folder / f"round-{number}"
        halfway, done = ([here / f"{half}-{part}" for part in range(parts)] for half in ("large", "small"))
        changed = run(_large, [(senders, part, halfway[part], parts) for part in range(parts)])
        changed += run(_small, [(halfway, part, done[part], parts) for part in range(parts)])
        if not any(changed):
            return done
        senders, number = done, number + 1


def _large(senders: Sequence[Path], part: int, to: Path, parts: int) -> int:
    got = gather(senders, part)
    (node, neighbour), changed = large_star(got["node"], got["neighbour"])
    scatter(to, records(node=node, neighbour=neighbour), receiver_of(node, parts), parts)
    return changed


def _small(senders: Sequence[Path], part: int, to: Path, parts: int) -> int:
    got = gather(senders, part)
    edges, changed = small_star(got["node"], got["neighbour"])
    send_edges(to, edges, parts)
    return changed
