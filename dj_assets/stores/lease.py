"""Leases for a subset in an object store: an object that names its owner, who rewrites it as a heartbeat.

A store without conditional writes has no lock. A process takes a lease in three steps: it writes the lease, waits until
others would see it, and reads it again. A write that the network delays for longer is not seen. Two owners at once are
therefore unlikely, but possible. The cost would be repeated work, and no loss of data: data files are never
overwritten, every document and version is complete, and the later one is used.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from dj_assets.errors import DjError, StoreError, UserError
from dj_assets.stores.store import Store

# Wait between writing a lease and reading it again.
SETTLE_S = 0.5
# A living owner renews its lease after RENEW_S; the owner of a lease older than DEAD_AFTER_S is dead. Clocks may differ
# by minutes.
RENEW_S = 30.0
DEAD_AFTER_S = 300.0
_LOOK_S = 1.0


@dataclass
class Lease:
    """Holds a lease that this process owns."""

    store: Store
    key: str
    owner: dict[str, Any]
    _lost: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def require(self) -> None:
        """Raise if another run has taken over the lease because it considered this run dead.

        Raises
        ------
        StoreError
            If the lease is lost; the message names the URL.
        """
        now = _read(self.store, self.key)
        if self._lost.is_set() or now is None or now[0].get("token") != self.owner["token"]:
            raise StoreError(
                f"{self.store.url}: another run took over here meanwhile; run again, what is there is kept"
            )

    def keep(self) -> None:
        """Renew the lease every `RENEW_S` seconds until it is released (heartbeat)."""
        while not self._released.wait(RENEW_S):
            try:
                self.require()
                self.store.put(self.key, json.dumps(self.owner).encode())
            except StoreError:
                self._lost.set()
                return
            except DjError:
                continue

    def release(self) -> None:
        """Release the lease; a waiting run may take it then."""
        self._released.set()
        # a lease that cannot be deleted expires; an error here must not hide the error of the run
        with suppress(DjError):
            now = _read(self.store, self.key)
            if now is not None and now[0].get("token") == self.owner["token"]:
                self.store.delete([self.key])


@contextmanager
def leased(store: Store, name: str, patience_s: float) -> Iterator[Lease]:
    """Hold the lease `name` of a store until the block ends.

    Raises
    ------
    UserError
        If another run holds it for longer than `patience_s` seconds; the message names its machine and process.
    """
    lease = _taken(store, f"locks/{name}.json", patience_s)
    keeper = threading.Thread(target=lease.keep, daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        lease.release()


def _taken(store: Store, key: str, patience_s: float) -> Lease:
    until = time.monotonic() + patience_s
    lease = Lease(store, key, _owner())
    while True:
        now = _read(store, key)
        if now is None or _is_dead(*now):
            store.put(key, json.dumps(lease.owner).encode())
            time.sleep(SETTLE_S)
            now = _read(store, key)
            if now is not None and now[0].get("token") == lease.owner["token"]:
                return lease
        if time.monotonic() >= until:
            said = now[0] if now else {}
            who = f"process {said.get('process', '?')} on {said.get('machine', '?')}"
            raise UserError(f"{store.url}: another run is at work there ({who}); wait for it or stop it")
        time.sleep(min(_LOOK_S, patience_s))


def _owner() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "machine": platform.node(),
        "process": os.getpid(),
        "started": process.create_time(),
        "token": uuid.uuid4().hex,
    }


def _read(store: Store, key: str) -> tuple[dict[str, Any], int] | None:
    """Return the owner of a lease, and the time of its last write in nanoseconds since 1970; None without a lease."""
    facts = store.facts(key)
    if facts is None:
        return None
    try:
        said = json.loads(store.get(key))
    except (FileNotFoundError, ValueError):
        return None
    return (said, facts.mtime_ns) if isinstance(said, dict) else None


def _is_dead(owner: dict[str, Any], written_ns: int) -> bool:
    """Return whether the owner of a lease is surely gone."""
    if owner.get("machine") == platform.node():
        try:
            return bool(psutil.Process(owner["process"]).create_time() != owner["started"])
        except (psutil.NoSuchProcess, KeyError):
            return True
    return time.time() - written_ns / 1e9 > DEAD_AFTER_S
