from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest

from dj_assets.errors import WorkerDiedError
from dj_assets.measure import workers
from dj_assets.measure.fork_server import received
from dj_assets.measure.local import InProcess, WorkerPool, local_engine
from dj_assets.measure.work import Task
from dj_assets.measure.workers import early_workers, take_workers
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.measure.test_local import blocks, task
from tests.paths import ROOT

MEASURE = """
import sys
from dj_assets.measure.local import local_engine
from tests.measure.test_local import blocks, task
with local_engine(task("text_length_filter", "whitespace_normalization_mapper"), 2) as engine:
    results = engine.measure_blocks("f", iter(blocks(9)))
    next(results)
    print("measuring", flush=True)
    if "--wait" in sys.argv:
        sys.stdin.read()
    print(1 + len(list(results)))
"""


def custom(tmp_path: Path, name: str, body: str) -> Task:
    path = tmp_path / f"{name}.py"
    path.write_text(
        "import os, sys, time\n"
        "from dj_assets.errors import UserError\n"
        "from dj_assets.operators.base import Mapper\n"
        "from dj_assets.operators.registry import register\n\n\n"
        f"@register('test_{name}_mapper')\nclass Custom(Mapper):\n"
        f"    def apply(self, batch):\n        {body}\n        return batch\n"
    )
    recipe = load_recipe({"custom_operator_paths": [str(path)], "process": [f"test_{name}_mapper"]})
    return Task(make_plan(recipe), ModelStore())


def descendants() -> list[psutil.Process]:
    """Return the processes below this one, the workers and what they were forked from among them."""
    return psutil.Process().children(recursive=True)


@pytest.fixture
def before() -> set[psutil.Process]:
    """What other tests left running here: a server, a cluster."""
    return set(descendants())


def gone(processes: list[psutil.Process], seconds: float = 10) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def test_ended_workers_are_gone_and_so_is_what_they_were_forked_from(before):
    with local_engine(task("text_length_filter"), 2) as engine:
        assert len(list(engine.measure_blocks("f", iter(blocks(4))))) == 4
        running = [process for process in descendants() if process not in before]
        assert len(running) == 3
    assert gone(running, 0)


def test_workers_share_what_was_loaded_before_they_were_forked(before):
    with local_engine(task("whitespace_normalization_mapper"), 2) as engine:
        list(engine.measure_blocks("f", iter(blocks(2))))
        forked = [process for process in descendants() if process not in before and process.ppid() != os.getpid()]
        memory = [process.memory_full_info() for process in forked]
    assert len(memory) == 2
    assert all(own.uss < own.rss / 2 for own in memory)


def test_a_worker_that_is_busy_is_ended_with_the_engine(tmp_path, before):
    with local_engine(custom(tmp_path, "sleeper", "time.sleep(60)"), 2) as engine:
        results = engine.measure_blocks("f", iter(blocks(4)))
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 2)
            previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
            next(results)
        signal.signal(signal.SIGALRM, previous)
        running = [process for process in descendants() if process not in before]
    assert time.monotonic() - begun < 20
    assert gone(running, 0)


def test_a_worker_that_leaves_by_itself_is_named_with_its_exit_code(tmp_path):
    with local_engine(custom(tmp_path, "leaver", "os._exit(7)"), 2) as engine:
        with pytest.raises(WorkerDiedError, match=r"died \(exit code 7\) while the rows from 0 on"):
            list(engine.measure_blocks("web.jsonl", iter(blocks(6))))


def test_the_death_of_the_process_that_forks_is_told(tmp_path):
    with local_engine(custom(tmp_path, "orphan", "os.kill(os.getppid(), 9); os._exit(1)"), 2) as engine:
        with pytest.raises(WorkerDiedError, match="died"):
            list(engine.measure_blocks("web.jsonl", iter(blocks(6))))


def test_an_error_of_a_block_is_raised_here_with_where_it_was(monkeypatch):
    broken = blocks(1)
    object.__setattr__(broken[0], "reading", None)
    with local_engine(task("text_length_filter"), 2) as engine:
        with pytest.raises(AttributeError) as raised:
            list(engine.measure_blocks("f", iter(broken)))
        assert "in a worker process" in raised.value.__notes__[0]
        assert len(list(engine.measure_blocks("f", iter(blocks(3))))) == 3


def test_workers_do_not_import_the_main_module_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MEASURE)  # without a guard: imported again it would start workers for ever
    found = run([str(script)])
    assert found.stdout.split() == ["measuring", "9"]


def test_workers_start_from_a_command_and_from_standard_input():
    assert run(["-c", MEASURE]).stdout.split() == ["measuring", "9"]
    assert run(["-"], MEASURE).stdout.split() == ["measuring", "9"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_leave_with_a_parent_that_is_killed(how):
    parent = subprocess.Popen(
        [sys.executable, "-c", MEASURE, "--wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "measuring\n"
    running = psutil.Process(parent.pid).children(recursive=True)
    assert len(running) == 3
    parent.send_signal(how)
    parent.communicate()
    assert gone(running)


def test_ctrl_c_reaches_the_parent_alone():
    # a shell lets what it runs in the background ignore Ctrl-C, and that is inherited
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    parent = subprocess.Popen(
        [sys.executable, "-c", heard + MEASURE, "--wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout.readline() == "measuring\n"
    running = psutil.Process(parent.pid).children(recursive=True)
    os.killpg(parent.pid, signal.SIGINT)
    _, said = parent.communicate(timeout=30)
    assert said.count("KeyboardInterrupt") == 1
    assert gone(running)


def test_workers_that_load_early_are_taken_once_and_ended_where_nobody_takes_them(before):
    with early_workers(2):
        early = workers._early[0]
        more = take_workers(3)
        more.close()
        assert more is not early
        assert take_workers(2) is early
        early.close()
    with early_workers(2):
        running = [process for process in descendants() if process not in before]
    assert running
    assert gone(running, 0)


def test_a_small_run_takes_an_early_worker():
    with early_workers(2), local_engine(task("text_length_filter"), 1) as engine:
        assert isinstance(engine, WorkerPool)
        assert len(list(engine.measure_blocks("f", iter(blocks(3))))) == 3
    with local_engine(task("text_length_filter"), 1) as engine:
        assert isinstance(engine, InProcess)


def run(arguments: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_more_workers_than_open_files_are_refused_in_one_line() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "from dj_assets.errors import UserError; from dj_assets.measure.workers import Workers\n"
        "try: Workers(64)\nexcept UserError as error: print(error)\n"
        "Workers(4).close()\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("64 worker processes need about 162 open files, and the system allows 64; use fewer")


def test_a_process_that_dies_within_a_message_is_gone() -> None:
    here, there = Pipe()
    # the length of a message, and less than that
    os.write(there.fileno(), b"\0\0\0\x10abc")
    there.close()
    with pytest.raises(EOFError):
        received(here)
