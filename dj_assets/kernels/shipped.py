"""Find the compiled kernels that a wheel carries, or that the set-up of a checkout made: the set of this machine.

A set is a folder of files in the format of numba's cache, for one minor version of Python, one system, one version of
numba and one state of the modules with kernels. Its code is for a baseline: the processors that have certain features.
So it is compiled once, and loaded everywhere, also from a folder that cannot be written.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dj_assets import variables

_ABOUT = "about.json"


@dataclass(frozen=True)
class Baseline:
    """Hold the name of a processor for the compiler, and the features by which all such processors are recognized."""

    processor: str
    features: tuple[str, ...] = ()


# Steps of x86-64: version 3 has AVX2 and is 13 years old. Every processor of 64-bit ARM has the generic instructions.
_BASELINES: Mapping[str, Baseline] = {
    "x86_64": Baseline(
        "x86-64-v3",
        tuple(
            "avx avx2 bmi bmi2 cmov cx16 cx8 f16c fma fxsr lzcnt mmx movbe popcnt sahf sse sse2 sse3 sse4.1 sse4.2 "
            "ssse3 xsave".split()
        ),
    ),
    "aarch64": Baseline("generic"),
    "arm64": Baseline("generic"),
}


@dataclass(frozen=True)
class About:
    """Hold what a set of compiled kernels fits: the version of numba, and the checksum of the modules with kernels.

    `functions` is the number of files with compiled code, 0 while they are compiled.
    """

    numba: str
    stamp: int
    functions: int


def baseline(machine: str, features: Mapping[str, bool]) -> Baseline | None:
    """Return the baseline of a kind of machine; None if there is none or the processor lacks one of its features."""
    known = _BASELINES.get(machine)
    return known if known and all(features.get(feature) for feature in known.features) else None


def compile_for_baseline() -> None:
    """Let numba compile for the baseline, so that other processors load the result; call it before numba is imported.

    Where the processor lacks the baseline, or `NUMBA_CPU_NAME` names another, numba compiles for that.
    """
    if variables.NUMBA_CPU_NAME.given() or variables.KERNELS.choice("shipped") != "shipped":
        return
    if chosen := _baseline():
        os.environ["NUMBA_CPU_NAME"] = chosen.processor
        os.environ["NUMBA_CPU_FEATURES"] = ",".join(f"+{feature}" for feature in chosen.features)


def folder(modules: Path) -> Path:
    """Return the folder of the set for this Python and this system, which need not exist, of a folder of modules."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return modules / "compiled" / f"{python}-{sys.platform}-{platform.machine()}"


def describe(set_: Path, stamp: int, functions: int) -> None:
    """Write down what a set fits, first with 0 `functions`, and with their number when it is complete."""
    description = About(importlib.metadata.version("numba"), stamp, functions)
    (set_ / _ABOUT).write_text(json.dumps(asdict(description)) + "\n", "utf-8")


def no_baseline() -> str | None:
    """Return why kernels are compiled for this processor alone, as half a sentence; None if they are for all."""
    if variables.KERNELS.choice("shipped") != "shipped":
        return f"{variables.KERNELS.name} is not 'shipped'"
    chosen = _baseline()
    if chosen is None:
        return "this processor lacks AVX2, or is of another kind"
    if (given := variables.NUMBA_CPU_NAME.given()) != chosen.processor:
        return f"NUMBA_CPU_NAME is {given}"
    return None


def misfit(set_: Path, stamp: int) -> str | None:
    """Return why a set cannot be loaded here, as half a sentence; None if it can."""
    if (reason := no_baseline()) is not None:
        return reason
    if (found := about(set_)) is None:
        return f"there are none for {set_.name}"
    installed = importlib.metadata.version("numba")
    if found.numba != installed:
        return f"they are for numba {found.numba}, and {installed} is installed"
    return None if found.stamp == stamp else "a module with kernels was changed"


def about(set_: Path) -> About | None:
    """Return the description of a set; None if there is none that can be read."""
    try:
        return About(**json.loads((set_ / _ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _baseline() -> Baseline | None:
    from llvmlite import binding

    return baseline(platform.machine(), binding.get_host_cpu_features())
