"""The order in which processes of tests take work: groups stay together, and a crash costs one test."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# What starts Dagster and a browser, or a cluster, is heavy: one of each at a time, and its tests keep their order.
TOGETHER = {
    "tests/browser/": "Dagster",
    "tests/e2e/test_operating.py": "Dagster",
    "tests/e2e/test_workers.py": "Dagster",
    "tests/measure/ray/": "Ray",
}


class TogetherScheduling(LoadScopeScheduling):
    """Sends the tests below each place of `TOGETHER` to one process, all others wherever there is room.

    It stands in for xdist's own groups, which name tests in a way that pytest 9.2 does not take.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((group for place, group in TOGETHER.items() if nodeid.startswith(place)), nodeid)

    def _reschedule(self, node: Any) -> None:
        """Give a process more work once it has told its tests: of two that replace others, one tells them later."""
        if node in self.registered_collections:
            super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Return the test during which a process ended, None if it had none; the others that it had are run elsewhere.

        The method of the base class gives all units of the process to the others, those that are done, too. A process
        that gets a unit without open tests reports nothing, so it never gets more work, and the run never ends. The
        test that ended the process would be run again, and end the next one.
        """
        work = self.assigned_work[node]
        running = next(((unit, test) for unit in work.values() for test, done in unit.items() if not done), None)
        if running is not None:
            unit, test = running
            unit[test] = True
        self.assigned_work[node] = {scope: unit for scope, unit in work.items() if not all(unit.values())}
        super().remove_node(node)
        return None if running is None else running[1]
