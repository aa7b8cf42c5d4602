from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.s3 import KEY, SECRET

NODES = 3
_STORE_BYTES = 90_000_000


class Raylets:
    """A Ray cluster of three nodes on this machine, a CPU each, beside a head that does no work."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        # credentials are those of the nodes
        os.environ.setdefault("AWS_ACCESS_KEY_ID", KEY)
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", SECRET)
        # found by the processes of all nodes, wherever pytest was started
        root = str(Path(__file__).resolve().parents[3])
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        head = {
            "num_cpus": 0,
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
            # a dead node is known after two seconds, not after half a minute
            "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 4},
        }
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes = [self._start() for _ in range(NODES)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def _start(self) -> object:
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
