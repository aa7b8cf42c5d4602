from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stores.s3 import KEY, SECRET

NODES = 3
_STORE_BYTES = 90_000_000


@contextmanager
def _environment() -> Iterator[None]:
    """Set what nodes get, and later tests of this process do not: pip takes what lies in PYTHONPATH for installed."""
    root = str(Path(__file__).resolve().parents[3])
    with pytest.MonkeyPatch.context() as patch:
        # credentials are those of the nodes
        for name, value in {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}.items():
            patch.setenv(name, os.environ.get(name, value))
        # found by the processes of all nodes, wherever pytest was started
        patch.setenv("PYTHONPATH", root, prepend=os.pathsep)
        yield


class Raylets:
    """A Ray cluster of three nodes on this machine, a CPU each, beside a head that does no work."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": 0,
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
            # a dead node is known after two seconds, not after half a minute
            "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 4},
        }
        with _environment():
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes = [self._start() for _ in range(NODES)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def _start(self) -> object:
        with _environment():
            return self._cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)

    def kill_one(self) -> str:
        """Kill a node with all its processes, as a power cut does; return its id."""
        node = self._nodes.pop()
        self._cluster.remove_node(node, allow_graceful=False)
        return node.node_id  # type: ignore[attr-defined]

    def mend(self) -> None:
        """Start anew what was killed."""
        while len(self._nodes) < NODES:
            self._nodes.append(self._start())

    def stop(self) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def _raylets() -> Iterator[Raylets]:
    pytest.importorskip("ray")
    raylets = Raylets()
    yield raylets
    raylets.stop()


@pytest.fixture
def raylets(_raylets: Raylets, monkeypatch: pytest.MonkeyPatch) -> Raylets:
    _raylets.mend()
    monkeypatch.setenv("RAY_ADDRESS", _raylets.address)
    return _raylets
