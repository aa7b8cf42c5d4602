"""Add up what each extra takes on disk: `python -m tests.e2e.sizes [--write]`.

The sizes are those of the files that pip installed into this environment, which has all extras, with byte code. An
extra counts the packages that a plain installation has not. `--write` puts the table into docs/systems.md. A plain
installation above 1,000 MB is an error.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dj_assets.reference.operator_docs import table
from tests.paths import ROOT

PAGE = ROOT / "docs/systems.md"
START, END = "<!-- sizes -->\n", "<!-- end -->\n"
PLAIN = "(plain)"
MOST_MB = 1000
SHOWN = 3
NAME = "dj_assets"
# These come with the build of PyTorch for CUDA.
CUDA = ("nvidia-", "cuda-", "triton")


@dataclass(frozen=True)
class Weight:
    """The megabytes of the packages that one installation adds, by name."""

    extra: str
    packages: Mapping[str, float]

    @property
    def megabytes(self) -> float:
        return sum(self.packages.values())

    def row(self) -> dict[str, str]:
        largest = sorted(self.packages.items(), key=lambda one: -one[1])[:SHOWN]
        cuda = sum(size for name, size in self.packages.items() if name.startswith(CUDA))
        return {
            "extra": f"`{self.extra}`",
            "MB": f"{self.megabytes:,.0f}",
            "of these for CUDA": f"{cuda:,.0f}" if cuda else "-",
            "packages": str(len(self.packages)),
            "largest, MB": ", ".join(f"{name} {size:,.0f}" for name, size in largest),
        }


def project() -> Mapping[str, list[str]]:
    """Return the requirements of the plain installation and of each extra that users install."""
    read = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = read["optional-dependencies"]
    return {PLAIN: read["dependencies"], **{name: extras[name] for name in sorted(set(extras) - {"dev"})}}


def weights() -> list[Weight]:
    """Return what the plain installation takes, and what each extra adds."""
    plain: set[str] = set()
    found = []
    for extra, requirements in project().items():
        names = needed(requirements)
        packages = {name: megabytes(name) for name in names - plain}
        if extra == PLAIN:
            plain = names
            packages[NAME] = sum(file.stat().st_size for file in _own_files()) / 1e6
        found.append(Weight(extra, packages))
    return found


def needed(requirements: Iterable[str]) -> set[str]:
    """Return the names of all installed packages that requirements bring, with what those require."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            own = map(Requirement, _requires(name))
            waiting += [_unmarked(one) for one in own if one.marker is None or one.marker.evaluate({"extra": extra})]
    return {name for name, _ in found if _is_installed(name)}


def megabytes(name: str) -> float:
    """Return the size of the files of an installed package."""
    paths = (Path(str(file.locate())) for file in distribution(name).files or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def _unmarked(requirement: Requirement) -> Requirement:
    """Return a requirement whose marker holds, without the marker."""
    requirement.marker = None
    return requirement


def _requires(name: str) -> list[str]:
    return distribution(name).requires or [] if _is_installed(name) else []


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _own_files() -> Iterable[Path]:
    return (path for path in (ROOT / NAME).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def page(text: str, found: list[Weight], machine: str) -> str:
    """Return the page with another table and the line about the machine."""
    rows = table([weight.row() for weight in found])
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{rows}\n\n{machine}\n\n{END}{after}"


def main() -> int:
    """Print the table, or write it; return 1 if the plain installation is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    found = weights()
    machine = f"Added up with Python {platform.python_version()} on {platform.system()} {platform.machine()}."
    print(table([weight.row() for weight in found]), machine, sep="\n")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text("utf-8"), found, machine), "utf-8")
    return int(found[0].megabytes > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
