"""Undocumented parts of libraries are as `docs/couplings.md` says, and the package uses no others."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from packaging.requirements import Requirement

from dj_assets import couplings
from tests.paths import ROOT

PAGE = (ROOT / "docs/couplings.md").read_text("utf-8")
HOMES = {ROOT / "dj_assets/couplings.py", ROOT / "dj_assets/assets/couplings.py"}
# Public in spite of the underscore: the documentation of Python has them.
DOCUMENTED = {"_exit", "_replace", "_asdict", "_make", "_fields"}


def changed(library: str) -> str:
    """Return what to do when the assertion fails."""
    version = importlib.metadata.version(library)
    return f"{library} {version} has changed a part that dj_assets uses: mend it or bound it, see docs/couplings.md"


# one test for each row of the table


# One kernel with the cache of this project: its folder of shipped kernels, its stamp, and what was called.
CACHED = """
import sys, numba
from pathlib import Path
from typing import NamedTuple
from dj_assets.couplings import KernelCache, cache_kernel
class {name}(NamedTuple):
    number: int
def plain(given):
    return given.number
one = numba.njit(plain)
shipped = Path(sys.argv[2]) if sys.argv[2:] else None
cache_kernel(one, KernelCache(plain, shipped, int(sys.argv[1]), lambda cached: print("compiled", cached)))
print(one({name}(1)), len(one.stats.cache_hits))
"""


def cached(folder: Path, *arguments: object, name: str = "Given", **environment: str) -> list[str]:
    """Return what a process prints that runs the kernel of `CACHED` in a folder."""
    (folder / "cached.py").write_text(CACHED.format(name=name))
    command = [sys.executable, "-c", "import cached", *map(str, arguments)]
    variables = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", **environment}
    done = subprocess.run(command, check=False, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, changed("numba") + done.stderr
    return done.stdout.splitlines()


def test_numba_compares_the_stamp_of_its_cache(tmp_path: Path) -> None:
    compiled = f"compiled {tmp_path / '__pycache__'}"
    assert cached(tmp_path, 1) == [compiled, "1 0"]
    assert cached(tmp_path, 1) == ["1 1"], changed("numba")
    assert cached(tmp_path, 2) == [compiled, "1 0"], changed("numba")


def test_numba_does_not_unpickle_an_index_of_another_stamp(tmp_path: Path) -> None:
    cached(tmp_path, 1, name="Before")
    # fails where the class of before is looked up
    assert cached(tmp_path, 2, name="After")[-1] == "1 0"


def test_numba_loads_shipped_kernels_and_writes_nothing(tmp_path: Path) -> None:
    cached(tmp_path, 1)
    shipped = (tmp_path / "__pycache__").rename(tmp_path / "shipped")
    assert cached(tmp_path, 1, shipped) == ["1 1"], changed("numba")
    assert not list((tmp_path / "__pycache__").glob("*.nb?"))
    # one of another state is no kernel
    assert cached(tmp_path, 2, shipped)[-1] == "1 0", changed("numba")
    assert list((tmp_path / "__pycache__").glob("*.nbc")), changed("numba")


def test_numba_loads_without_the_rules_for_compiling(tmp_path: Path) -> None:
    cached(tmp_path, 1)
    rules = "len(numba.core.registry.cpu_target.target_context._defns)"
    module = (tmp_path / "cached.py").read_text()
    (tmp_path / "cached.py").write_text(module.replace("len(one.stats.cache_hits)", rules))
    command = [sys.executable, "-c", "import cached", "1"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    loaded = int(done.stdout.split()[-1])
    # the function itself, and nothing of the thousand definitions that a compilation reads
    assert loaded < 100, changed("numba")


def test_numba_puts_a_loaded_kernel_into_one_that_it_compiles(tmp_path: Path) -> None:
    cached(tmp_path, 1)
    another = "print(numba.njit(lambda given: one(given) + 1)(Given(1)), len(one.stats.cache_hits))"
    (tmp_path / "cached.py").write_text(CACHED.format(name="Given") + another)
    command = [sys.executable, "-c", "import cached", "1"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["1 1", "2 1"], changed("numba") + done.stderr


def test_numba_loads_from_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    cached(tmp_path, 1)
    confined = CACHED.format(name="Given").replace(
        "one = ", "from dj_assets.media import landlock\nlandlock.allow_only(['/'], ['/dev/null'])\none = "
    )
    (tmp_path / "cached.py").write_text(confined)
    line = next(number for number, text in enumerate(confined.splitlines(), 1) if text.startswith("def plain"))
    before = next(number for number, text in enumerate(CACHED.splitlines(), 1) if text.startswith("def plain"))
    assert line == before, "the cache knows a function by its line"
    command = [sys.executable, "-c", "import cached", "1"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "1"], changed("numba") + done.stderr


def test_numba_compiles_kernels_of_a_wheel_into_the_folder_of_the_user(tmp_path: Path) -> None:
    site, home = tmp_path / "site-packages", tmp_path / "home"
    site.mkdir()
    (compiled, _) = cached(site, 1, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"))
    assert compiled.startswith(f"compiled {home}/.cache/numba/"), changed("numba")
    assert not list(site.rglob("*.nb?"))
    assert cached(site, 1, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache")) == ["1 1"]


def test_numba_keeps_what_it_cannot_write(tmp_path: Path) -> None:
    # neither the tree nor the cache of the user is a folder
    for name in ("__pycache__", ".cache"):
        (tmp_path / name).write_text("")
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    assert cached(tmp_path, 1, **environment) == ["compiled None", "1 0"], changed("numba")


def test_a_damaged_kernel_is_compiled_again(tmp_path: Path) -> None:
    cached(tmp_path, 1)
    (code,) = (tmp_path / "__pycache__").glob("*.nbc")
    code.write_bytes(code.read_bytes()[:100])
    assert cached(tmp_path, 1)[-1] == "1 0"
    assert cached(tmp_path, 1) == ["1 1"]


def test_a_numba_with_other_caches_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    monkeypatch.delattr(caching, "InTreeCacheLocator")
    with pytest.raises(couplings.LibraryError, match=r"numba 0\.\S+: numba.core.caching is another one"):
        couplings.KernelCache(changed, Path(), 1, print)


def test_numba_compiles_without_reference_counts() -> None:
    import numba
    import numpy as np

    compiled = numba.njit(**couplings.WITHOUT_REFERENCE_COUNTS)(lambda data: data[0] + 1)
    assert compiled(np.array([1, 2])) == 2, changed("numba")
    counted = numba.njit(lambda data: data[0] + 1)
    counted(np.array([1, 2]))
    (plain,), (lean) = counted.inspect_llvm().values(), next(iter(compiled.inspect_llvm().values()))
    assert "NRT_incref" in plain or "NRT_decref" in plain, changed("numba")
    assert "call void @NRT_incref" not in lean, changed("numba")


def test_numba_gives_the_struct_of_an_array() -> None:
    import numba
    import numpy as np

    from dj_assets.kernels.unaligned import first_bytes

    first = numba.njit(lambda data: first_bytes(data, 1, 8))
    data = np.arange(24, dtype=np.uint8)
    assert int(first(data)) == int.from_bytes(bytes(range(1, 9)), "little"), changed("numba")
    assert callable(couplings.array_structs()), changed("numba")


def test_numba_has_its_functions_over_arrays() -> None:
    couplings.load_array_functions()
    assert "numba.np.arraymath" in sys.modules, changed("numba")


def printed(code: str) -> str:
    """Return what a fresh process prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_numba_works_without_scipy() -> None:
    code = (
        "import sys\n"
        "from dj_assets.kernels.components import components\n"
        "import numpy as np\n"
        "components(1, np.empty(0, np.int64), np.empty(0, np.int64))\n"
        "print('scipy' in sys.modules)"
    )
    assert printed(code) == "False", changed("numba")


def test_ftfy_has_a_pattern_of_alternatives() -> None:
    from ftfy.badness import is_bad

    from dj_assets.operators.views.mojibake import suspicion

    parsed = couplings.parsed_pattern(couplings.mojibake_pattern())
    assert [str(operation) for operation, _ in parsed] == ["BRANCH"], changed("ftfy")
    table = suspicion()
    for bad in ("Ã©", "â€œ", "Â£"):
        assert is_bad(bad), changed("ftfy")
        a, b = map(ord, bad[:2])
        assert table.first[a] & table.second[b] or table.alone[a] or table.alone[b], changed("ftfy")


def test_dagster_shows_a_failure_without_its_stack() -> None:
    from dj_assets.assets.couplings import OneLineError

    @dg.op
    def fails() -> None:
        raise OneLineError("no such file; give another", allow_retries=False)

    @dg.job
    def job() -> None:
        fails()

    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(raise_on_error=False, instance=instance)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    assert "no such file; give another" in error.to_string(), changed("dagster")
    assert "Traceback" not in error.to_string(), changed("dagster")
    assert "test_couplings.py" not in error.to_string(), changed("dagster")


def test_dagster_makes_the_tables_that_a_killed_process_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dj_assets.assets.couplings import complete_event_log

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get():
        [index] = tmp_path.rglob("index.db")
    index.unlink()
    index.touch()
    with dg.DagsterInstance.get() as instance:
        with pytest.raises(dg.DagsterInvalidInvocationError, match="does not exist"):
            instance.get_dynamic_partitions("shards")
        complete_event_log(instance)
        assert instance.get_dynamic_partitions("shards") == [], changed("dagster")


def test_dagster_keeps_local_runs_in_sqlite(tmp_path: Path) -> None:
    from dj_assets.assets.couplings import has_local_runs

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert has_local_runs(instance), changed("dagster")


def test_ray_says_whether_it_is_a_client() -> None:
    pytest.importorskip("ray")
    assert couplings.is_ray_client() is False, changed("ray")


def test_ray_reads_by_a_task_without_metadata() -> None:
    pytest.importorskip("ray")
    task = couplings.ray_read_task(partial(iter, ["block"]))
    assert list(task()) == ["block"], changed("ray")
    assert task.metadata.num_rows is None, changed("ray")


def test_xdist_asks_for_the_scope_of_a_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from xdist.scheduler import LoadScopeScheduling\n"
        "class One(LoadScopeScheduling):\n"
        "    def _split_scope(self, nodeid):\n"
        "        return 'one'\n"
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    return One(config, log)\n"
    )
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text("def test_one(worker_id):\n    print('ran on', worker_id)\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-rP", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    workers = re.findall(r"ran on (gw\d)", done.stdout)
    assert (len(workers), len(set(workers))) == (2, 1), f"{changed('pytest-xdist')}\n{done.stdout}"


def test_python_parses_patterns_into_pairs() -> None:
    parsed = couplings.parsed_pattern(re.compile("a[b-c]"))
    assert [str(operation) for operation, _ in parsed] == ["LITERAL", "IN"]
    assert parsed[0][1] == ord("a")
    _, items = parsed[1]
    assert [(str(kind), value) for kind, value in items] == [("RANGE", (ord("b"), ord("c")))]


def test_pyarrow_looks_for_pandas_once() -> None:
    code = (
        "import sys\n"
        "import numpy as np, pyarrow as pa\n"
        "from dj_assets.kernels.import_guards import forget_pandas\n"
        "{}\n"
        "pa.array(np.array(['a'], object))\n"
        "print('pandas' in sys.modules)"
    )
    assert printed(code.format("pass")) == "True", "pyarrow imports no pandas by itself: forget_pandas can go"
    assert printed(code.format("forget_pandas()")) == "False", changed("pyarrow")


# the table and the bounds


def rows() -> list[dict[str, str]]:
    lines = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    head, _, *cells = [[cell.strip() for cell in line] for line in lines]
    return [dict(zip(head, line, strict=True)) for line in cells]


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    named = {row["test"].strip("`") for row in rows()}
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    first, last = defined.index("changed"), defined.index("rows")
    helpers = {"changed", "printed", "cached", "test_a_damaged_kernel_is_compiled_again"}
    helpers.add("test_a_numba_with_other_caches_is_named")
    assert named == set(defined[first:last]) - helpers


def test_bounds_are_those_of_the_table_and_no_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    bounded = {
        requirement.name: str(specifier)
        for requirement in map(Requirement, texts)
        for specifier in requirement.specifier
        if specifier.operator in {"<", "<=", "~="}
    }
    assert bounded == {row["library"]: row["bound"].strip("`") for row in rows() if row["bound"] != "none"}


# the search


def imported(tree: ast.Module) -> dict[str, str]:
    """Return the names that a module imports from other packages, with their full names."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name.partition(".")[0]): alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {(alias.asname or alias.name): f"{node.module}.{alias.name}" for alias in node.names}
    return {name: full for name, full in names.items() if full.partition(".")[0] not in {"dj_assets", "__future__"}}


def defined_names(trees: list[ast.Module]) -> set[str]:
    """Return all names that the package itself gives to functions, classes, variables and attributes."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    named |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return named | {node.attr for node in own if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def private_uses(tree: ast.Module, own: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines that use a private name of another package: imported, or an attribute that the package lacks."""
    for full in imported(tree).values():
        if any(is_private(part) for part in full.split(".")):
            yield 0, full
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg and is_private(keyword.arg) and keyword.arg not in own:
                    yield node.lineno, keyword.arg


@pytest.mark.parametrize(
    "code",
    [
        "from re import _parser",
        "from dagster._core.errors import DagsterError",
        "import dagster._core",
        "compiled._cache._cache_file = 1",
        "njit(_nrt=False)",
    ],
)
def test_the_search_finds_private_parts(code: str) -> None:
    assert list(private_uses(ast.parse(code), set()))


def test_no_other_module_uses_private_parts_of_libraries() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "dj_assets").rglob("*.py"))}
    own = defined_names(list(trees.values()))
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path, tree in trees.items()
        if path not in HOMES
        for line, name in private_uses(tree, own)
    ]
    assert found == [], "move it to dj_assets/couplings.py, with a test and a row in docs/couplings.md"
