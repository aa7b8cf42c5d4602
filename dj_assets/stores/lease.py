"""Leases for a subset in an object store: an object that names its owner, who rewrites it as a heartbeat.

pyarrow offers no conditional writes. A lease needs none: it is taken by the bakery algorithm (Lamport 1974), which
assumes only that a written object is in every later listing, as S3, Google's store and Azure promise. A run writes its
ticket, takes a number above all numbers that it sees, and waits until no ticket goes first: one with a smaller number,
or one whose number is still being chosen. Two living owners are impossible, however slow the network is.

A ticket that was not written for `DEAD_AFTER_S` counts as that of a dead run, and is removed. A run that was stopped
for longer finds its ticket missing, and ends. Until then work may be done twice, but no data are lost: data files are
never overwritten, every document and version is complete, and the later one is used.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from dj_assets.errors import DjError, StoreError, UserError
from dj_assets.stores.store import Store

# A living owner writes its ticket again so often; an older one is dead. Clocks may differ by minutes.
RENEW_S = 30.0
DEAD_AFTER_S = 300.0
_LOOK_S = 1.0
# A number is chosen within a few requests: whoever has no patience waits so long for those who choose.
_CHOOSING_S = 10.0
_CHOOSING_LOOK_S = 0.1
# Between the name of a lease and the token of a run.
_BETWEEN = "~"


@dataclass
class Lease:
    """Hold a lease that this process owns."""

    store: Store
    name: str
    owner: dict[str, Any]
    _lost: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> str:
        """Return the name of the ticket in the store."""
        return f"locks/{self.name}{_BETWEEN}{self.owner['token']}.json"

    def write(self, **changes: Any) -> None:  # noqa: ANN401
        """Write the ticket, with changes of its content."""
        # the thread that renews it must not write an older content later
        with self._writing:
            self.owner.update(changes)
            self.store.put(self.key, json.dumps(self.owner).encode())

    def others(self) -> list[dict[str, Any]]:
        """Return the tickets of other living runs; those of dead runs are removed.

        Raises
        ------
        StoreError
            If the own ticket is gone.
        """
        there = self.store.listing("locks")
        if self.key not in there:
            raise self._taken_over()
        start = f"locks/{self.name}{_BETWEEN}"
        found = []
        for key in sorted(key for key in there if key.startswith(start) and key != self.key):
            ticket = _read(self.store, key)
            if ticket is not None and _is_dead(ticket, there[key].mtime_ns):
                self.store.delete([key])
            elif ticket is not None:
                found.append(ticket)
        return found

    def require(self) -> None:
        """Raise if another run has taken over the lease because it considered this run dead.

        Raises
        ------
        StoreError
            If the lease is lost; the message names the URL.
        """
        if self._lost.is_set() or _read(self.store, self.key) is None:
            raise self._taken_over()

    def _taken_over(self) -> StoreError:
        return StoreError(f"{self.store.url}: another run took over here meanwhile; run again, what is there is kept")

    def keep(self) -> None:
        """Renew the lease every `RENEW_S` seconds until it is released (heartbeat)."""
        while not self._released.wait(RENEW_S):
            try:
                self.require()
                self.write()
            except StoreError:
                self._lost.set()
                return
            except DjError:
                continue

    def release(self) -> None:
        """Release the lease; a waiting run may take it then."""
        self._released.set()
        # a lease that cannot be deleted expires; an error here must not hide the error of the run
        with suppress(DjError), self._writing:
            self.store.delete([self.key])


@contextmanager
def leased(store: Store, name: str, patience_s: float) -> Iterator[Lease]:
    """Hold the lease `name` of a store until the block ends.

    Raises
    ------
    UserError
        If another run holds it for longer than `patience_s` seconds; the message names its machine and process.
    """
    lease = Lease(store, name, _owner())
    try:
        lease.write()
        threading.Thread(target=lease.keep, daemon=True).start()
        _wait(lease, patience_s)
        yield lease
    finally:
        lease.release()


def _wait(lease: Lease, patience_s: float) -> None:
    """Take a number and wait until no other run goes first."""
    lease.write(number=1 + max((ticket.get("number") or 0 for ticket in lease.others()), default=0))
    started = time.monotonic()
    while True:
        first = next((ticket for ticket in lease.others() if _goes_first(ticket, lease.owner)), None)
        if first is None:
            return
        chooses = first.get("number") is None
        if time.monotonic() - started >= max(patience_s, _CHOOSING_S if chooses else 0):
            who = f"process {first.get('process', '?')} on {first.get('machine', '?')}"
            raise UserError(f"{lease.store.url}: another run is at work there ({who}); wait for it or stop it")
        time.sleep(_CHOOSING_LOOK_S if chooses else min(_LOOK_S, patience_s))


def _goes_first(ticket: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Return whether a ticket goes before the own one, or may yet: its number is still being chosen."""
    number = ticket.get("number")
    return number is None or (number, str(ticket.get("token"))) < (own["number"], own["token"])


def _owner() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "machine": platform.node(),
        "process": os.getpid(),
        "started": process.create_time(),
        "token": uuid.uuid4().hex,
        "number": None,
    }


def _read(store: Store, key: str) -> dict[str, Any] | None:
    """Return the owner of a lease, and the time of its last write in nanoseconds since 1970; None without a lease."""
    try:
        content = json.loads(store.get(key))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_dead(owner: Mapping[str, Any], written_ns: int) -> bool:
    """Return whether the owner of a ticket is surely gone."""
    if owner.get("machine") == platform.node():
        try:
            if psutil.Process(owner["process"]).create_time() != owner["started"]:
                return True
        except (psutil.NoSuchProcess, KeyError):
            return True
    # a store that tells no times has 0
    return written_ns > 0 and time.time() - written_ns / 1e9 > DEAD_AFTER_S
