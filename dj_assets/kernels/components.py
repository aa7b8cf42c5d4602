"""Compute the connected components of a graph that is given as a list of edges."""

from __future__ import annotations

import numpy as np

from dj_assets.kernels.arrays import Int64s
from dj_assets.kernels.jit import kernel


@kernel
def _root(parent: Int64s, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def components(n: int, a: Int64s, b: Int64s) -> Int64s:
    """Return the component of every node, identified by its smallest node.

    Parameters
    ----------
    n
        Number of nodes, which are `0 … n - 1`.
    a, b
        The two ends of every edge, shape `(edges,)`; order, repetition and loops do not matter.

    Returns
    -------
    Labels of shape `(n,)`; a node whose label is the node itself is the first of its component.
    """
    parent = np.arange(n)
    for edge in range(len(a)):
        x, y = _root(parent, a[edge]), _root(parent, b[edge])
        # the smaller root stays a root, so a root is always the smallest node of its component
        if x < y:
            parent[y] = x
        else:
            parent[x] = y
    for node in range(n):
        parent[node] = _root(parent, node)
    return parent
