"""Loaded by the processes of a server under test: its daemon rests for a second where it would rest for up to thirty.

These rests are constants of Dagster. They are set as their module is imported, before the daemon reads them; nothing
else is changed.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

RESTS = {
    "dagster._daemon.controller": "DEFAULT_DAEMON_INTERVAL_SECONDS",
    "dagster._daemon.sensor": "MIN_INTERVAL_LOOP_TIME",
    "dagster._daemon.asset_daemon": "MIN_INTERVAL_LOOP_SECONDS",
}


class ShortRests:
    """Finds those modules as ever, and changes the one constant once they are executed."""

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> object:
        if name not in RESTS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def executed(module: ModuleType) -> None:
            execute(module)
            assert isinstance(getattr(module, RESTS[name]), int)
            setattr(module, RESTS[name], 1)

        spec.loader.exec_module = executed
        return spec


sys.meta_path.insert(0, ShortRests())
