"""A process of tests that ends in the middle: what is run again, and what is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.scheduling import TogetherScheduling


class Process:
    """Stands for a process of tests: it remembers what it was told to run."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.sent: list[int] = []
        self.empty = 0
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices
        self.empty += not indices

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.mark.parametrize("crash_in_group", [False, True])
def test_a_crash_costs_one_test(crash_in_group):
    tests = [f"tests/a.py::test[{number}]" for number in range(8)]
    tests += [f"tests/measure/ray/b.py::test[{number}]" for number in range(4)]
    options = SimpleNamespace(option=SimpleNamespace(loadscopereorder=True, tx=["popen"]), getvalue=lambda _: ["popen"])
    config: Any = SimpleNamespace(**vars(options), hook=None)
    first, second = Process("first"), Process("second")
    scheduler = TogetherScheduling(config)
    scheduler.numnodes = 1
    scheduler.add_node(first)
    scheduler.add_node_collection(first, tests)
    scheduler.schedule()
    done = 2 if crash_in_group else 6
    for _ in range(done):
        scheduler.mark_test_complete(first, first.sent.pop(0))
    running = tests[first.sent[0]]
    assert ("ray" in running) == crash_in_group
    assert scheduler.remove_node(first) == running

    scheduler.add_node(second)
    scheduler.add_node_collection(second, tests)
    scheduler.schedule()
    finished = []
    while second.sent:
        finished.append(tests[second.sent[0]])
        scheduler.mark_test_complete(second, second.sent.pop(0))
    assert len(finished) == len(set(finished)) == len(tests) - done - 1
    assert running not in finished
    assert second.empty == 0
    assert scheduler.tests_finished


def test_two_processes_that_end_together_are_replaced_one_after_the_other():
    tests = [f"tests/a.py::test[{number}]" for number in range(8)]
    options: Any = SimpleNamespace(loadscopereorder=True, tx=["popen", "popen"])
    config: Any = SimpleNamespace(option=options, getvalue=lambda _: ["popen", "popen"], hook=None)
    first, second, third, fourth = map(Process, ("first", "second", "third", "fourth"))
    scheduler = TogetherScheduling(config)
    scheduler.numnodes = 2
    for process in (first, second):
        scheduler.add_node(process)
        scheduler.add_node_collection(process, tests)
    scheduler.schedule()
    ended = {scheduler.remove_node(first), scheduler.remove_node(second)}
    scheduler.add_node(third)
    scheduler.add_node(fourth)
    scheduler.add_node_collection(third, tests)
    scheduler.schedule()
    assert third.sent
    assert not fourth.sent
    scheduler.add_node_collection(fourth, tests)
    scheduler.schedule()
    finished = []
    for process in (third, fourth) * len(tests):
        if process.sent:
            finished.append(tests[process.sent[0]])
            scheduler.mark_test_complete(process, process.sent.pop(0))
    assert sorted([*finished, *ended]) == tests
