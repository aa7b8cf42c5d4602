from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scheduling import TogetherScheduling

# Several threads of OpenBLAS in each of two processes waited for each other without end, busy all the time. It reads
# the variable when NumPy is imported, which is later.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore these signals. The programs that tests start would
# ignore them, too, and those that tests stop by a signal would never end.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherScheduling:
    """Give every run on several processes this scheduling."""
    return TogetherScheduling(config, log)


@pytest.fixture(autouse=True)
def _usual_priority() -> Iterator[None]:
    """Fail a test that leaves this process with a real-time priority, which starves all programs of later tests."""
    yield
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("the test left a real-time priority; an encoder took it, see tests/media/formats.py")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[object]:
    """An S3 server on loopback, one for each process of the tests."""
    from tests.stores.s3 import serving

    with serving() as server:
        yield server


@pytest.fixture
def lake(s3_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket, whose server has no faults; the working copies lie below the test's folder."""
    from tests.stores.s3 import environment

    for name, value in environment(s3_server, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    yield f"s3://{s3_server.bucket()}"
    s3_server.set(throttle=0, cut=0, hold="")


@pytest.fixture(scope="session", params=["gs", "az"])
def _emulated(request: pytest.FixtureRequest) -> Iterator[object]:
    from tests.stores.emulators import Azure, Google, emulated

    service = {"gs": Google, "az": Azure}[request.param]()
    with emulated(service):
        yield service


@pytest.fixture
def other_lake(_emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket at Google's and at Azure's service, each emulated on loopback."""
    for name, value in {**_emulated.environment, "DJ_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    return f"{_emulated.scheme}://{_emulated.bucket()}"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> object:
    """One small run with its plan: `tuple[Plan, RunResult]`, shared by the tests of analyses and of views."""
    from tests.published import run_small

    return run_small(tmp_path_factory.mktemp("small"))
