"""A run whose process was killed with nobody there to notice."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import should_retry

from dj_assets.assets.arrivals import prepare_instance
from dj_assets.assets.instance import project_instance
from dj_assets.assets.lost_runs import fail_lost_runs, is_alive

RUN = """
import sys, time
import dagster as dg
from dj_assets.assets.instance import project_instance

@dg.op
def takes_long():
    print("begun", flush=True)
    time.sleep(120)

@dg.job
def job():
    takes_long()

with project_instance() as instance:
    job.execute_in_process(instance=instance)
"""


@pytest.fixture
def begun(project):
    process = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline() == b"begun\n"
    yield process
    process.kill()
    process.wait()


def status(instance: dg.DagsterInstance) -> dg.DagsterRunStatus:
    (run,) = instance.get_runs()
    return run.status


def test_a_run_without_a_process_is_failed_and_may_be_started_again(begun):
    with project_instance() as instance:
        assert fail_lost_runs(instance) == []
        assert status(instance) == dg.DagsterRunStatus.STARTED, "it is at work"
    begun.kill()
    begun.wait()
    (told,) = prepare_instance()
    assert "its process is gone; it is started again" in told
    with project_instance() as instance:
        assert status(instance) == dg.DagsterRunStatus.FAILURE
        assert should_retry(instance.get_runs()[0], instance)
        assert fail_lost_runs(instance) == []


def test_another_process_under_the_same_number_is_not_the_run():
    assert is_alive(os.getpid(), time.time())
    assert not is_alive(os.getpid(), time.time() - 86_400)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(ended.pid, time.time()), "ended, though nobody asked how"
    ended.wait()
    assert not is_alive(ended.pid, time.time())
