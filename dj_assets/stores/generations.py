"""The calls of language models of a subset: one file a call, on a disk or in an object store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from dj_assets.errors import UserError
from dj_assets.stores.atomic import write_synced
from dj_assets.stores.store import Store
from dj_assets.urls import is_url

FOLDER = "generations"
# The file with the sums that all calls have spent, kept where there is a budget.
_SPENT = ".spent.json"


@dataclass(frozen=True)
class Generations:
    """Keep records of calls in a folder, or below a URL, by the key of the request.

    Examples
    --------
    >>> import tempfile
    >>> kept = Generations(tempfile.mkdtemp())
    >>> kept.write("ab12", {"answer": {"text": "yes"}})
    >>> kept.read("ab12")
    {'answer': {'text': 'yes'}}
    >>> kept.read("ab13") is None, [key for key, _ in kept.records()]
    (True, ['ab12'])
    """

    folder: str
    read_only: bool = False

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record of a call, None if there is none that can be read."""
        try:
            content = self._get(_name(key))
        except FileNotFoundError:
            return None
        try:
            record = json.loads(content)
        except ValueError:
            return None
        return record if isinstance(record, dict) else None

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a call. A killed process leaves no part of it."""
        content = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
        if is_url(self.folder):
            Store.at(self.folder).put(_name(key), content)
        else:
            write_synced(Path(self.folder, _name(key)), content)

    def spend(self, amounts: Mapping[str, float], limits: Mapping[str, float]) -> str | None:
        """Add amounts to what all calls have spent, in a file that all workers of this machine share.

        Nothing is added if a limit is reached; then its name is returned.

        Raises
        ------
        UserError
            If the calls are in an object store.
        """
        if is_url(self.folder):
            raise UserError("a budget needs a data home on a disk; unset DJ_LLM_MAX_CALLS, _TOKENS and _COST")
        path = Path(self.folder, _SPENT)
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{path}.lock"):
            spent: dict[str, float] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
            reached = next((name for name, limit in limits.items() if spent.get(name, 0) >= limit), None)
            if reached is None:
                total = {name: spent.get(name, 0) + amounts.get(name, 0) for name in {**spent, **amounts}}
                write_synced(path, json.dumps(total, sort_keys=True).encode())
        return reached

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and record of every call, sorted by key."""
        if is_url(self.folder):
            with suppress(FileNotFoundError):
                names = sorted(Store.at(self.folder).listing())
                keys = [Path(name).stem for name in names if name.endswith(".json")]
        else:
            keys = [path.stem for path in sorted(Path(self.folder).glob("*/[!.]*.json"))]
        for key in keys:
            record = self.read(key)
            if record is not None:
                yield key, record

    def _get(self, name: str) -> bytes:
        return Store.at(self.folder).get(name) if is_url(self.folder) else Path(self.folder, name).read_bytes()


def _name(key: str) -> str:
    return f"{key[:2]}/{key}.json"
