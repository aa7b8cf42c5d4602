"""The size of the code and how much of it is typed: modules, functions, annotations, `Any` and `noqa`.

    python -m benchmarks.code_metrics [BEFORE [AFTER]] [--package dj_assets]

Each of the two is a folder or a revision of git; without any it is this working tree. `__init__.py` is no module.
A function goes from `def` to its last line, its docstring included, decorators left out. It is annotated if all of its
parameters but `self` and `cls`, and what it returns, are.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.inputs import ROOT

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One module: its lines, the lines of each function, and what is counted in it."""

    lines: int
    functions: tuple[int, ...]
    annotated: int
    any: int
    noqa: int
    ignored_types: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trees", nargs="*", metavar="TREE", help="one or two folders or revisions (default: this one)")
    parser.add_argument("--package", default="dj_assets", help="the folder in each of them that is counted")
    options = parser.parse_args()
    if len(options.trees) > 2:
        parser.error("compares two trees at most")
    trees = options.trees or [str(ROOT)]
    try:
        measured = {tree: metrics(modules(sources(tree, options.package))) for tree in trees}
    except ValueError as error:
        parser.error(str(error))
    print(table(measured))


def sources(tree: str, package: str) -> dict[str, str]:
    """Return the Python files of a package by their paths, from a folder or from a revision of git.

    Raises
    ------
    ValueError
        If there are none.
    """
    folder = Path(tree)
    files = dict(_of_folder(folder / package) if folder.is_dir() else _of_revision(tree, package))
    if not files:
        raise ValueError(f"{tree}: holds no Python file below {package}")
    return files


def modules(files: Mapping[str, str]) -> list[Module]:
    """Return what is counted in each of some Python files but `__init__.py`."""
    return [_module(source) for path, source in files.items() if not path.endswith("__init__.py")]


def metrics(counted: Sequence[Module]) -> dict[str, float]:
    """Return the figures of a package by their names."""
    sizes = [size for module in counted for size in module.functions]
    annotated = sum(module.annotated for module in counted)
    return {
        "modules": len(counted),
        "lines": sum(module.lines for module in counted),
        "lines of a module, median": median(module.lines for module in counted),
        "lines of a module, max": max(module.lines for module in counted),
        "functions": len(sizes),
        "lines of a function, median": median(sizes) if sizes else 0,
        "lines of a function, max": max(sizes, default=0),
        "functions annotated, %": 100 * annotated / len(sizes) if sizes else 100.0,
        "Any": sum(module.any for module in counted),
        "noqa": sum(module.noqa for module in counted),
        "type: ignore": sum(module.ignored_types for module in counted),
    }


def table(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures of one tree, or of two with the change, as Markdown."""
    columns = list(measured.values())
    heads = ["", *measured, *(["change"] if len(columns) == 2 else [])]
    lines = [_row(heads), _row(["---", *["--:"] * (len(heads) - 1)])]
    for name in columns[0]:
        values = [column[name] for column in columns]
        change = [f"{values[1] - values[0]:+,.6g}"] if len(values) == 2 else []
        lines.append(_row([name, *(f"{value:,.6g}" for value in values), *change]))
    return "\n".join(lines)


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), path.read_text("utf-8")


def _of_revision(revision: str, package: str) -> Iterator[tuple[str, str]]:
    command = ["git", "-C", str(ROOT), "archive", revision, "--", package]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise ValueError(f"{revision}: neither a folder nor a revision ({done.stderr.decode().strip()})")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".py") else None
            if file is not None:
                yield member.name, file.read().decode("utf-8")


def _module(source: str) -> Module:
    nodes = list(ast.walk(ast.parse(source)))
    functions = [node for node in nodes if isinstance(node, _Function)]
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    return Module(
        lines=source.count("\n"),
        functions=tuple((node.end_lineno or node.lineno) - node.lineno + 1 for node in functions),
        annotated=sum(_is_annotated(node) for node in functions),
        any=sum(_is_any(node) for node in nodes),
        noqa=sum("noqa" in comment for comment in comments),
        ignored_types=sum("type: ignore" in comment for comment in comments),
    )


def _is_annotated(function: _Function) -> bool:
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    named = [parameter for parameter in parameters if parameter.arg not in {"self", "cls"}]
    return function.returns is not None and all(parameter.annotation is not None for parameter in named)


def _is_any(node: ast.AST) -> bool:
    """Return whether a node is `Any`, also as a text, as in `cast("Any", …)`; an import of it is none."""
    match node:
        case ast.Name(id="Any") | ast.Attribute(attr="Any") | ast.Constant(value="Any"):
            return True
    return False


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
