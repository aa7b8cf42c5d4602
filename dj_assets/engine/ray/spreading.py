"""Work of one kind spread over the cluster: one task of Ray for each piece, few enough under way to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ray

from dj_assets.engine.ray.cluster import connect, environment, nodes
from dj_assets.errors import DjError

# Pieces under way for each CPU: one in work, one on its way.
_IN_FLIGHT = 2


def spread(work: Callable[..., None], pieces: Iterable[tuple[Any, ...]]) -> None:
    """Call `work` with the arguments of every piece, somewhere in the cluster; return when all are done.

    Errors of ours are raised as they would be here.
    """
    connect()
    remote = _call.options(scheduling_strategy="SPREAD", runtime_env=environment())
    most = _IN_FLIGHT * sum(node.cpus for node in nodes())
    under_way: list[ray.ObjectRef[None]] = []
    for piece in pieces:
        under_way.append(remote.remote(work, *piece))
        while len(under_way) >= most:
            under_way = _some_done(under_way)
    while under_way:
        under_way = _some_done(under_way)


@ray.remote
def _call(work: Callable[..., None], *piece: object) -> None:
    work(*piece)


def _some_done(under_way: list[ray.ObjectRef[None]]) -> list[ray.ObjectRef[None]]:
    """Wait for one piece; raise where it failed; return those that are left."""
    done, left = ray.wait(under_way)
    try:
        ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, DjError):
            raise error.cause from None
        raise
    return left
