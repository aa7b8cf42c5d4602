"""The run of a hook: separate processes with a time limit; their last JSON object is the result."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dj_assets.sandbox.hook_file import Hook, filled

METRICS = "metrics.json"
_TAIL_LINES, _TAIL_CHARACTERS = 20, 2000
_LOOK_EVERY_S = 0.1
_STDOUT_BYTES = 1 << 20


class HookFailedError(Exception):
    """Raised when a command of a hook gave no usable numbers; the message has the reason and the tail of its log."""


class StoppedError(Exception):
    """Raised when the loop was stopped from outside while a command ran."""


@dataclass(frozen=True)
class Call:
    """One run of a hook: the values of its placeholders, and the folder that it may write to.

    Another thread ends it by setting `stop`.
    """

    hook: Hook
    values: Mapping[str, str]
    out: Path
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> dict[str, float]:
        """Run the commands and return every number they reported, by flattened name.

        Raises
        ------
        HookFailedError
            If a command cannot be started, fails or takes too long, if there is no JSON object, or if a metric is
            missing or not a finite number.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        log = self.out
        for number, command in enumerate(self.hook.commands):
            log = self.out / f"{number}.log"
            self._start([filled(argument, self.values) for argument in command], log)
        numbers = _numbers(_reported(self.out, log))
        for name in self.hook.metrics:
            if name not in numbers:
                known = ", ".join(sorted(numbers)) or "none"
                raise HookFailedError(f"metric {name!r} is not among the numbers reported ({known}){tail(log)}")
        for name, value in numbers.items():
            if name in self.hook.metrics and not math.isfinite(value):
                raise HookFailedError(f"metric {name!r} is {value}{tail(log)}")
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    def _start(self, command: list[str], log: Path) -> None:
        added = {name: filled(value, self.values) for name, value in self.hook.environment.items()}
        errors = log.with_suffix(".err")
        with log.open("wb") as stdout, errors.open("wb") as stderr:
            try:
                child = subprocess.Popen(  # noqa: S603 - a command of the user, without a shell
                    command,
                    cwd=self.hook.working_folder,
                    env={**os.environ, **added},
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    # a separate process group, so that the children of the command end with it
                    start_new_session=True,
                )
            except OSError as error:
                raise HookFailedError(f"{command[0]}: cannot be started: {error.strerror}") from None
            try:
                code = self._wait(child)
            finally:
                _end(child)
        if code is None:
            raise HookFailedError(f"took longer than {self.hook.timeout_s:g} s{tail(log)}")
        if code != 0:
            ended = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise HookFailedError(f"ended with {ended}{tail(log)}")

    def _wait(self, child: subprocess.Popen[bytes]) -> int | None:
        """Return the exit code, None after a time-out."""
        deadline = time.monotonic() + self.hook.timeout_s
        while time.monotonic() < deadline:
            if self.stop.is_set():
                raise StoppedError
            try:
                return child.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
        return None


def tail(log: Path) -> str:
    """Return the last lines of a command's error output, or of its standard output, after a line break."""
    for path in (log.with_suffix(".err"), log):
        text = "\n".join(_last_lines(path)).strip() if path.exists() else ""
        if text:
            return f"\n{text[-_TAIL_CHARACTERS:]}"
    return ""


def _last_lines(path: Path) -> deque[str]:
    return deque(_tail_bytes(path).decode("utf-8", "replace").splitlines(), maxlen=_TAIL_LINES)


def _tail_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _STDOUT_BYTES))
        return file.read()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill all remaining processes of the command's group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _reported(out: Path, log: Path) -> dict[str, object]:
    written = out / METRICS
    candidates = [written.read_text("utf-8", "replace")] if written.exists() else _lines_backwards(log)
    for text in candidates:
        try:
            content = json.loads(text)
        except ValueError:
            continue
        if isinstance(content, dict):
            return content
    raise HookFailedError(f"reported no JSON object{tail(log)}")


def _lines_backwards(log: Path) -> Iterator[str]:
    return reversed(_tail_bytes(log).decode("utf-8", "replace").splitlines())


def _numbers(content: Mapping[str, object], prefix: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            numbers |= _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[prefix + name] = float(value)
    return numbers
