"""Spread calls of one function over the cluster: one Ray task for each piece, a limited number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import ray

from dj_assets.errors import DjError
from dj_assets.measure.ray.cluster import connect, environment, nodes

# Pieces under way for each CPU: one running, one waiting.
_IN_FLIGHT = 2
R = TypeVar("R")


def spread(work: Callable[..., R], pieces: Iterable[tuple[object, ...]]) -> list[R]:
    """Call `work` with the arguments of every piece in the cluster; return the results in the order of the pieces.

    Errors of this project are raised as in a local call. The pieces of a dead node are repeated on another node.
    """
    connect()
    remote = _call.options(scheduling_strategy="SPREAD", runtime_env=environment())
    most = _IN_FLIGHT * sum(node.cpus for node in nodes())
    under_way: dict[ray.ObjectRef[R], int] = {}
    results: dict[int, R] = {}
    for number, piece in enumerate(pieces):
        under_way[remote.remote(work, *piece)] = number
        while len(under_way) >= most:
            results |= _some_done(under_way)
    while under_way:
        results |= _some_done(under_way)
    return [results[number] for number in range(len(results))]


@ray.remote
def _call(work: Callable[..., R], *piece: object) -> R:
    return work(*piece)


def _some_done(under_way: dict[ray.ObjectRef[R], int]) -> dict[int, R]:
    """Wait for one piece and remove it; return its result, keyed by its number; raise if it failed."""
    done, _ = ray.wait([*under_way])
    try:
        return {under_way.pop(reference): ray.get(reference) for reference in done}
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, DjError):
            raise error.cause from None
        raise
