"""The Ray cluster that a run uses: found, or started on this machine; every node is checked before the work starts."""

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
from dj_assets.couplings import is_ray_client
from dj_assets.errors import DjError, UserError
from dj_assets.stores.path import SourcePath
from dj_assets.urls import cache_folder, url_of

# Object store of a cluster that is started here; it holds the blocks between a reader and the workers.
_STORE_BYTES = 500_000_000
_PROBE_SECONDS = 120
_ANSWER_SECONDS = 10
# Their log lines would interrupt the progress lines of the run.
_QUIET = ("ray", "ray.data", "ray.serve", "ray.util")


@dataclass(frozen=True)
class Node:
    """Hold a living node of the cluster that has CPUs for this run."""

    id: str
    name: str
    cpus: int
    gpus: int
    memory_bytes: int


def connect() -> None:
    """Connect this process to the cluster that `RAY_ADDRESS` names, else to one that runs on this machine.

    If there is none, a cluster is started here; it ends with this process.

    Raises
    ------
    UserError
        If the named cluster does not answer, or `RAY_ADDRESS` is the address of its client server.
    """
    if ray.is_initialized():
        _refuse_client("a Ray client", is_one=is_ray_client())
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


def _refuse_client(what: str, *, is_one: bool) -> None:
    """Raise for a driver outside of the cluster: Ray runs the streams of `ray.data` only for drivers inside."""
    if is_one:
        raise UserError(
            f"{what}: ray.data does not run through Ray Client; start the command on a machine of the cluster, with "
            "RAY_ADDRESS=HOST:PORT as ray start --head printed it (6379 is the usual port)"
        )


def _require_answer(address: str | None) -> None:
    """Raise if no process listens at an address with a port: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise UserError(f"RAY_ADDRESS={address}: no Ray cluster answers there ({error.strerror or error})") from None


@contextlib.contextmanager
def _silent_core() -> Iterator[None]:
    """Silence the core of Ray on stderr, with its notice about the log level; errors are raised as exceptions."""
    # its messages are about things that the Ray library does on purpose
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
    """Return the name of this worker's node."""
    return _name(platform.node(), ray.get_runtime_context().get_node_id())


def _name(host: str, node: str) -> str:
    """Return a readable name of a node; nodes on one machine differ by their ids."""
    return f"{host}/{node[:8]}"


def environment() -> dict[str, Any]:
    """Return the runtime environment of workers: one thread each, and the settings of this process.

    Only settings of this project are passed on: each node uses its own credentials.
    """
    return {"env_vars": {**settings.SINGLE_THREAD_ENV, **variables.own_values()}}


def look_over(cluster: Sequence[Node], folder: Path, files: Sequence[SourcePath]) -> None:
    """Check that every node sees the folder of the results and the source files, and has the version of this machine.

    Raises
    ------
    UserError
        If a node does not; the message names the first one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # every node may have a folder of the same name; only the shared one contains the file that was just written
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
    """Return the end of the message for a path that a node does not see: the path, and the fix."""
    url = url_of(unseen) if isinstance(unseen, Path) else None
    if url is not None:
        return (
            f"{cache_folder()}, where {url} is worked at; with --engine ray set DJ_CACHE to a folder on storage that "
            "all nodes share, under the same path"
        )
    return (
        f"{unseen}; with --engine ray sources, models and results must be on storage that all nodes share, under the "
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
