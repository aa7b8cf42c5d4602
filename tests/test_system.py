"""Other systems: the unit of `ru_maxrss` is bytes on macOS and kB on Linux; calls that are missing are done without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from dj_assets import cli, system
from dj_assets.system import peak_rss_mb


@pytest.fixture
def _no_proc(monkeypatch):
    """Hide `/proc` and measure 300,000,000 of the unit of the system, as on a machine without it."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=300_000_000))


@pytest.mark.usefixtures("_no_proc")
@pytest.mark.parametrize(("platform", "megabytes"), [("darwin", 300.0), ("linux", 307_200.0)])
def test_the_unit_is_that_of_the_system(monkeypatch, platform, megabytes):
    monkeypatch.setattr(sys, "platform", platform)
    assert peak_rss_mb() == megabytes


def test_a_mac_keeps_some_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(promise.kept for promise in system.promises())
    limits = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(system, "_PROC", Path("/nonexistent"))
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    assert [promise.kept for promise in system.promises()] == [True, False, False, False, False, False]
    system.limit_address_space(1)
    with system.limited_memory(1):
        pass
    assert limits == [(resource.RLIMIT_CORE, (0, 0))]
    assert (system.address_space_bytes(), system.descriptor_path(3)) == (0, "/dev/fd/3")
    assert system.usable_cpus() == os.cpu_count()


def test_threads_leave_no_limit_of_memory_behind() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    entered, left = threading.Event(), threading.Event()

    def first() -> None:
        with system.limited_memory(1 << 30):
            entered.wait()
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    with system.limited_memory(2 << 30):
        entered.set()
        left.wait()
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] > 2 << 30
    thread.join()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_file_that_was_replaced_is_not_the_open_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("first")
    assert not system.has_open(path)
    with path.open() as first:
        assert system.has_open(path)
        (tmp_path / "b").write_text("second")
        (tmp_path / "b").replace(path)
        assert not system.has_open(path)
        assert first.read() == "first"


def test_windows_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(system, "_SYSTEM", "nt")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: dj_assets runs on Linux and macOS; on Windows, install it in WSL")


def test_a_quick_exit_comes_last_and_flushes() -> None:
    code = (
        "import atexit, sys\nfrom dj_assets.system import QuickExit\nexit_ = QuickExit()\n"
        "class Torn:\n    def __del__(self): print('taken apart')\n"
        "torn = Torn()\natexit.register(print, 'registered')\nprint('written', end=' ')\n"
        "exit_.ended(SystemExit({code}).code)\nsys.exit({code})"
    )
    commands = ([sys.executable, "-c", code.replace("{code}", given)] for given in ("3", "None", "'a message'"))
    ended = [subprocess.run(command, check=False, capture_output=True, text=True) for command in commands]
    assert [(run.returncode, run.stdout) for run in ended] == [
        (3, "written registered\n"),
        (0, "written registered\n"),
        (1, "written registered\ntaken apart\n"),
    ]
