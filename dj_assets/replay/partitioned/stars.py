"""Connected components in rounds over edges that no piece holds all of: large star, small star (Kiveris et al. 2014).

Every round hangs the neighbours of a node at the smallest of them. When nothing changes any more, each component is a
star around its smallest node. Rounds grow with the logarithm of the longest path, not with the number of edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter

Edges = tuple[np.ndarray, np.ndarray]
# Calls work with every piece, somewhere, and returns what it returned, in the order of the pieces.
Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


def contracted(a: np.ndarray, b: np.ndarray) -> Edges:
    """Return edges that unite the same nodes as some edges do: one from each node to the smallest it is united with."""
    from dj_assets.kernels.components import components

    nodes, indices = np.unique(np.concatenate((a, b)), return_inverse=True)
    smallest = nodes[components(len(nodes), indices[: len(a)], indices[len(a) :])]
    hanging = smallest != nodes
    return nodes[hanging], smallest[hanging]


def large_star(node: np.ndarray, neighbour: np.ndarray) -> tuple[Edges, int]:
    """Hang the larger neighbours of every node at the smallest node beside it; return the edges, and how many changed.

    Every edge is given from both of its ends, all of a node's at once.
    """
    node, neighbour, smallest = _with_smallest(node, neighbour)
    smallest = np.minimum(smallest, node)
    larger = neighbour > node
    return (neighbour[larger], smallest[larger]), int((smallest != node)[larger].sum())


def small_star(node: np.ndarray, neighbour: np.ndarray) -> tuple[Edges, int]:
    """Hang every node and its smaller neighbours at the smallest of these; return the edges, and how many changed.

    Every edge is given from its larger end, all of a node's at once.
    """
    node, neighbour, smallest = _with_smallest(node, neighbour)
    other = neighbour != smallest
    edges = np.concatenate((node[~other], neighbour[other])), np.concatenate((smallest[~other], smallest[other]))
    return edges, int(other.sum())


def _with_smallest(node: np.ndarray, neighbour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distinct edges, sorted, with the smallest neighbour of each one's node."""
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
    """Turn every component of the edges in some files into a star around its smallest node, round by round.

    The files are those that `send_edges` wrote; so are those that are returned, one for each of `parts`.
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
