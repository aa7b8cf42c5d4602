"""The Ray cluster that a run uses: found, or started on this machine; looked over before any work goes there."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import platform
import socket
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dj_assets import settings, variables
from dj_assets.errors import DjError, UserError
from dj_assets.stores.path import SourcePath
from dj_assets.urls import cache_folder, url_of

# Object store of a cluster that is started here: blocks on their way from a reader to the workers.
_STORE_BYTES = 500_000_000
_PROBE_SECONDS = 120
_ANSWER_SECONDS = 10
# They would stand between the lines of the run's own progress.
_QUIET = ("ray", "ray.data", "ray.serve", "ray.util")


@dataclass(frozen=True)
class Node:
    """A living machine of the cluster that has CPUs for us."""

    id: str
    name: str
    cpus: int
    gpus: int
    memory_bytes: int


def connect() -> None:
    """Connect this process: to the cluster that `RAY_ADDRESS` names, else to one that runs on this machine.

    Where there is none, one is started here; it ends with this process.

    Raises
    ------
    UserError
        If the cluster that was named does not answer, or is named by the address of its client server.
    """
    if ray.is_initialized():
        _refuse_client("a Ray client", is_one=_is_client())
        _be_quiet()
        return
    named = variables.RAY_ADDRESS.given()
    _refuse_client(f"RAY_ADDRESS={named}", is_one=(named or "").startswith("ray://"))
    _require_answer(named)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "dj_assets"}
    with _silent_core():
        try:
            ray.init(address=named or "auto", **quiet)
        except (ConnectionError, RuntimeError) as error:
            if named:
                reason = str(error).splitlines()[0]
                raise UserError(f"RAY_ADDRESS={named}: no Ray cluster answers there ({reason})") from None
            ray.init(
                address="local",
                num_cpus=settings.default_workers(),
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                **quiet,
            )
    _be_quiet()


def _is_client() -> bool:
    return bool(ray.util.client.ray.is_connected())  # type: ignore[no-untyped-call]


def _refuse_client(what: str, *, is_one: bool) -> None:
    """Raise for a driver outside of the cluster: Ray runs the streams of `ray.data` for drivers inside alone."""
    if is_one:
        raise UserError(
            f"{what}: ray.data does not run through Ray Client; start the command on a machine of the cluster, with "
            "RAY_ADDRESS=HOST:PORT as ray start --head printed it (6379 is the usual port)"
        )


def _require_answer(address: str | None) -> None:
    """Raise where nobody listens at an address with a port: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise UserError(f"RAY_ADDRESS={address}: no Ray cluster answers there ({error.strerror or error})") from None


@contextlib.contextmanager
def _silent_core() -> Iterator[None]:
    """Let the core of Ray say nothing on stderr, not even that it was told so; faults come as exceptions."""
    # it speaks there of what its own library does on purpose
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with contextlib.ExitStack() as stack, Path(os.devnull).open("wb") as nowhere:
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        stack.callback(os.dup2, stderr, 2)
        os.dup2(nowhere.fileno(), 2)
        yield


def _be_quiet() -> None:
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def nodes() -> tuple[Node, ...]:
    """Return the living nodes that have CPUs, by name.

    Raises
    ------
    UserError
        If there is none.
    """
    usable = []
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        resources = node["Resources"]
        if node["Alive"] and resources.get("CPU", 0) >= 1:
            usable.append(
                Node(
                    id=node["NodeID"],
                    name=_name(node["NodeManagerHostname"], node["NodeID"]),
                    cpus=int(resources["CPU"]),
                    gpus=int(resources.get("GPU", 0)),
                    memory_bytes=int(resources.get("memory", 0)),
                )
            )
    if not usable:
        raise UserError("the Ray cluster has no node with a CPU; start one with: ray start --address=<its address>")
    return tuple(sorted(usable, key=lambda node: node.name))


def this_node() -> str:
    """Return the name of the node that this worker runs on."""
    return _name(platform.node(), ray.get_runtime_context().get_node_id())


def _name(host: str, node: str) -> str:
    """Return a name for people; nodes on one machine differ by their ids."""
    return f"{host}/{node[:8]}"


def environment() -> dict[str, Any]:
    """Return the environment of workers: one thread each, and the settings of this process.

    Only settings of ours travel: credentials are those of the nodes.
    """
    return {"env_vars": {**settings.SINGLE_THREAD_ENV, **variables.own_values()}}


def look_over(cluster: Sequence[Node], folder: Path, files: Sequence[SourcePath]) -> None:
    """Ask every node whether it sees the folder of the results and the files that are read, with our version.

    Raises
    ------
    UserError
        Naming the first node that does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # a folder of the same name may lie on every node; what was written into it just now does not
    with _new_file(folder) as mark:
        asked = [_asked(node, [mark, *files[:1], *files[-1:]]) for node in cluster]
        version = importlib.metadata.version("dj_assets")
        for node, answer in zip(cluster, asked, strict=True):
            unseen, theirs = _answer(node, answer)
            if unseen:
                raise UserError(f"node {node.name} does not see {_shared(folder if unseen[0] == mark else unseen[0])}")
            if theirs != version:
                raise UserError(f"node {node.name} has dj_assets {theirs}, this machine {version}; install the same")


@contextlib.contextmanager
def _new_file(folder: Path) -> Iterator[Path]:
    mark = folder / f".seen-{uuid.uuid4().hex}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _shared(unseen: SourcePath) -> str:
    """Return what a node does not see, and what is to be done about it."""
    url = url_of(unseen) if isinstance(unseen, Path) else None
    if url is not None:
        return (
            f"{cache_folder()}, where {url} is worked at; with --engine ray set DJ_CACHE to a folder on storage that "
            "all nodes share, under the same path"
        )
    return (
        f"{unseen}; with --engine ray sources, models and results must lie on storage that all nodes share, under the "
        "same path"
    )


def _asked(node: Node, paths: Sequence[SourcePath]) -> ray.ObjectRef[tuple[list[SourcePath], str]]:
    there = NodeAffinitySchedulingStrategy(node.id, soft=False)
    asking = _sees.options(num_cpus=0, scheduling_strategy=there, max_retries=0, runtime_env=environment())
    asked: ray.ObjectRef[tuple[list[SourcePath], str]] = asking.remote(paths)
    return asked


def _answer(node: Node, asked: ray.ObjectRef[tuple[list[SourcePath], str]]) -> tuple[list[SourcePath], str]:
    try:
        return ray.get(asked, timeout=_PROBE_SECONDS)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        reason = str(cause) if isinstance(cause, DjError) else str(error).strip().splitlines()[-1]
        raise UserError(f"node {node.name} cannot work for us: {reason}") from None


@ray.remote
def _sees(paths: Sequence[SourcePath]) -> tuple[list[SourcePath], str]:
    return [path for path in paths if not path.exists()], importlib.metadata.version("dj_assets")
