"""Who is at work in a subset of an object store: an object that names its owner and is written anew while he lives.

A store without conditional writes has no lock. A lease is taken by writing it, waiting until others would have seen it,
and reading it again; a write that the network holds back for longer than that is not seen. Two owners at once is
therefore unlikely, not impossible. It would cost work done twice and no data: data are never written over, and a
document or a version is whole whoever wrote it, the later one counts.
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

# Between writing a lease and believing it.
SETTLE_S = 0.5
# A living owner writes his lease anew so often; one that is older than the last is dead. Clocks may differ by minutes.
RENEW_S = 30.0
DEAD_AFTER_S = 300.0
_LOOK_S = 1.0


@dataclass
class Lease:
    """A lease that is held."""

    store: Store
    key: str
    owner: dict[str, Any]
    _lost: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def require(self) -> None:
        """Raise where another run has taken the lease over meanwhile: it held this one for dead.

        Raises
        ------
        StoreError
            Naming the place.
        """
        now = _read(self.store, self.key)
        if self._lost.is_set() or now is None or now[0].get("token") != self.owner["token"]:
            raise StoreError(
                f"{self.store.url}: another run took over here meanwhile; run again, what is there is kept"
            )

    def keep(self) -> None:
        """Write the lease anew until it is released."""
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
        """Let go of it; whoever waits may take it."""
        self._released.set()
        # one that cannot be given back ends by itself, and must not hide why the run failed
        with suppress(DjError):
            now = _read(self.store, self.key)
            if now is not None and now[0].get("token") == self.owner["token"]:
                self.store.delete([self.key])


@contextmanager
def leased(store: Store, name: str, patience_s: float) -> Iterator[Lease]:
    """Hold the lease of a name below a URL.

    Raises
    ------
    UserError
        If another run holds it for longer than `patience_s`, naming its machine and process.
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
    """Return who holds a lease and when he wrote it last, in nanoseconds since 1970."""
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
