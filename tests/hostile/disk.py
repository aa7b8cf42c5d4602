"""Runs on a full disk, without permission, and in folders that vanish: one line, and the next run is undisturbed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile import kills
from tests.test_subset import contents

# The longest file that a run may write: nothing, the first small files, parts of the large ones.
LIMITS = (0, 100, 1_000, 10_000, 50_000, 100_000, 200_000)
# The room of a file system of its own: megabytes, and numbers of files and folders.
SIZES_MB = (0.1, 0.3, 0.6, 1, 2, 4)
INODES = (5, 15, 30, 60, 120)
ENOUGH = "size=200m,nr_inodes=100000"
NOBODY = 65534
NO_PERMISSION = "an output without permission"
NO_RIGHTS = "a user without rights, home and caches read-only"


@dataclass(frozen=True)
class Outcome:
    """What came of one attack: `kind` is survived, wrong, hung or not run."""

    attack: str
    kind: str
    message: str = ""


def outcomes(world: kills.World) -> Iterator[Outcome]:
    """Yield what came of every attack."""
    for most in LIMITS:
        yield _limited(world, most)
    for share in (0.3, 0.6, 0.9):
        yield _vanished(world, share)
    for output in ("/proc/no/out", "/dev/null/out"):
        yield _refused(world, f"output in {output}", Path(output))
    for size in SIZES_MB:
        yield _on_a_file_system(world, f"a file system of {size} MB", f"size={int(size * 1024)}k")
    for number in INODES:
        yield _on_a_file_system(world, f"a file system of {number} inodes", f"size=200m,nr_inodes={number}")
    yield _on_a_file_system(world, "output on another file system than the source and the caches", ENOUGH)
    if os.geteuid() or not _nobody_can_run():
        for attack in (NO_PERMISSION, NO_RIGHTS):
            yield Outcome(attack, "not run", "needs root, and a Python that other users can run")
        return
    _readable(world.folder)
    closed, opened = world.folder / "closed", world.folder / "opened"
    closed.mkdir(mode=0o755)
    opened.mkdir()
    opened.chmod(0o777)
    yield _refused(world, NO_PERMISSION, closed / "out", as_nobody=True)
    yield _as_nobody(world, opened / "out")


def _run(
    world: kills.World, output: Path, before: Callable[[], None] | None = None, *more: str
) -> tuple[int | None, str]:
    """Run the recipe; return its exit code, None if it hangs, and what it says."""
    command = [sys.executable, "-m", "dj_assets.cli", "run", str(world.folder / "recipe.yaml"), "--workers", "2"]
    process = subprocess.Popen(
        [*command, *more, "--input", str(world.folder / "source"), "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=before,  # noqa: PLW1509 - no thread runs here
        env={**os.environ, "HOME": "/nonexistent"} if before is _become_nobody else None,
    )
    try:
        said, _ = process.communicate(timeout=kills.WAITS_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0]
    return process.returncode, said


def _judged(attack: str, world: kills.World, output: Path, code: int | None, said: str, *more: str) -> Outcome:
    """Judge a run that may fail in one line, and an undisturbed run after it, with more options."""
    if code is None:
        return Outcome(attack, "hung", said[-500:])
    if "Traceback" in said:
        return Outcome(attack, "wrong", said[-900:])
    again, then = _run(world, output, None, *more)
    if again is None:
        return Outcome(attack, "hung", then[-500:])
    same = again == 0 and contents(output) == world.expected
    return Outcome(attack, "survived" if same else "wrong", "" if same else then[-500:])


def _limited(world: kills.World, most: int) -> Outcome:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    output = world.folder / f"limited-{most}"
    return _judged(f"files of at most {most} bytes", world, output, *_run(world, output, limit))


def _on_a_file_system(world: kills.World, attack: str, room: str) -> Outcome:
    """Run into a file system with little room, and once more after it got enough."""
    folder = world.folder / "mounted"
    folder.mkdir(exist_ok=True)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", room, "none", folder], check=False).returncode:
        return Outcome(attack, "not run", "needs the right to mount")
    try:
        code, said = _run(world, folder / "out")
        subprocess.run(["mount", "-o", f"remount,{ENOUGH}", folder], check=True)
        return _judged(attack, world, folder / "out", code, said)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _vanished(world: kills.World, share: float) -> Outcome:
    output = world.folder / f"vanished-{share}"
    process = kills.start(world.folder, output)
    time.sleep(share * world.seconds)
    shutil.rmtree(output, ignore_errors=True)
    attack = f"the output folder removed after {share:.0%} of the run"
    try:
        code = process.wait(kills.WAITS_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return Outcome(attack, "hung")
    # the folder then holds files that nothing claims
    return _judged(attack, world, output, code, Path(f"{output}.log").read_text(), "--overwrite")


def _refused(world: kills.World, attack: str, output: Path, *, as_nobody: bool = False) -> Outcome:
    code, said = _run(world, output, _become_nobody if as_nobody else None)
    one_line = code in {1, 2} and len([line for line in said.splitlines() if line.startswith("error: ")]) == 1
    kind = "hung" if code is None else "survived" if one_line and "Traceback" not in said else "wrong"
    return Outcome(attack, kind, "" if kind == "survived" else said[-900:])


def _as_nobody(world: kills.World, output: Path) -> Outcome:
    code, said = _run(world, output, _become_nobody)
    same = code == 0 and contents(output) == world.expected
    kind = "survived" if same else "hung" if code is None else "wrong"
    return Outcome(NO_RIGHTS, kind, "" if same else said[-900:])


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _nobody_can_run() -> bool:
    code = [sys.executable, "-c", "import dj_assets, pyarrow"]
    try:
        return not subprocess.run(code, preexec_fn=_become_nobody, check=False).returncode
    except PermissionError:
        return False


def _readable(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
