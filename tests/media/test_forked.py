"""A process that decodes, forked ahead: in a process of its own, for pytest's has threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.media import made

BEFORE = """
import os, signal, sys
from dj_assets.media.forked import fork_ahead, take_forked
from dj_assets.media.headers import ImageSize
from dj_assets.media.locations import MediaLocation
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Failed, Limits, Request
from tests.media import features
def seen(*wanted):
    return reader.read([Request(MediaLocation(sys.argv[1]), wanted)]).result(timeout=60)[0]
"""


def says(code: str, path: Path) -> str:
    command = [sys.executable, "-c", BEFORE + code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ, timeout=120).stdout


def test_the_next_reader_takes_it_and_the_one_after_a_death_starts_another(tmp_path: Path) -> None:
    code = """
fork_ahead()
reader = MediaReader(Limits(30.0, 2_000_000_000))
(first,) = seen(features.ProcessId())
(_, parent) = seen(ImageSize(), features.ProcessId())
forked = reader._child.pid
print(first == parent == forked, type(reader._child).__name__, take_forked())
print(seen(features.Dies(signal.SIGSEGV)))
reader.deadly.clear()
print(seen(ImageSize()), type(reader._child).__name__)
reader.close()
"""
    assert says(code, made.image(tmp_path / "bad.png", seed=1)).splitlines() == [
        "True Forked None",
        "[Failed(reason='the decoder crashed (SIGSEGV)')]",
        "[(64, 48)] Spawned",
    ]


def test_it_ends_with_its_reader_and_keeps_nothing_of_its_parent_open(tmp_path: Path) -> None:
    code = """
read, write = os.pipe()
fork_ahead()
os.close(write)
print(os.read(read, 1))
reader = MediaReader(Limits(30.0, 2_000_000_000))
seen(ImageSize())
child = reader._child
reader.close()
try:
    os.kill(child.pid, 0)
except ProcessLookupError:
    print("gone")
"""
    assert says(code, made.image(tmp_path / "a.png", seed=1)).splitlines() == ["b''", "gone"]


def test_what_its_parent_has_loaded_does_not_count_among_its_memory(tmp_path: Path) -> None:
    code = """
import mmap
from dataclasses import dataclass
from dj_assets.media.feature import ImageFeature
@dataclass(frozen=True)
class Takes(ImageFeature[int]):
    megabytes: int
    def __call__(self, image):
        return len(mmap.mmap(-1, self.megabytes * 1_000_000))
held = mmap.mmap(-1, 3_000_000_000)
fork_ahead()
reader = MediaReader(Limits(30.0, 2_000_000_000))
print(seen(Takes(1500), Takes(2500)))
reader.close()
"""
    found = says(code, made.image(tmp_path / "a.png", seed=1)).strip()
    assert found == "[1500000000, Failed(reason='OSError: [Errno 12] Cannot allocate memory')]"
