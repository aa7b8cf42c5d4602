from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CALLER = """
from called import number
from dj_assets.kernels.jit import kernel

@kernel
def asked():
    return number() + 1

if __name__ == "__main__":
    print(asked(), len(asked.stats.cache_hits))
"""
CALLED = """
from dj_assets.kernels.jit import kernel

@kernel
def number():
    return {number}
"""


def run(folder: Path) -> list[str]:
    called = subprocess.run([sys.executable, folder / "caller.py"], check=True, capture_output=True, text=True)
    return called.stdout.split()


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_changes(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "called.py").write_text(CALLED.format(number=1))
    assert [run(tmp_path), run(tmp_path)] == [["2", "0"], ["2", "1"]]
    (tmp_path / "called.py").write_text(CALLED.format(number=2))
    assert [run(tmp_path), run(tmp_path)] == [["3", "0"], ["3", "1"]]
