"""Compile all kernels for the types that runs give them: `python -m dj_assets.reference.compiled_kernels`.

The set-up of a checkout calls it, and so does the building of a wheel. The result is the set that
`dj_assets.kernels.shipped` finds.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from dj_assets import kernels, settings
from dj_assets.errors import MissingModelError
from dj_assets.kernels import shipped
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.base import Operator
from dj_assets.recipe.gallery import find_gallery
from dj_assets.testing.bench import Bench
from dj_assets.testing.texts import TEXTS

_MODULES = Path(kernels.__file__).parent
# The models of the demo: those of the user change with time.
_MODELS = ModelStore(())
# Two processes use two cores, and each takes up to 1.4 GB of memory.
_PROCESSES = 2
# Operators whose kernels take longest to compile; they come first.
_LONGEST = ("perplexity_filter", "language_id_score_filter", "document_simhash_deduplicator", "word_repetition_filter")


def operators() -> list[Operator]:
    """Return the operators over texts: those of the included recipes, and all others with their defaults.

    Without those whose packages or models are not installed.
    """
    gallery = find_gallery((settings.included_recipes(),)).recipes.values()
    found = {repr(operator): operator for recipe in gallery for operator in recipe.process}
    for cls in map(registry.find, registry.operator_names()):
        if cls is not None and cls.__module__.startswith("dj_assets."):
            try:
                found.setdefault(repr(cls()), cls())
            except ValidationError:
                # it has no defaults
                continue
    order = {name: number for number, name in enumerate(_LONGEST)}
    return sorted(filter(_can_run, found.values()), key=lambda operator: order.get(operator.name, len(order)))


def _can_run(operator: Operator) -> bool:
    # the samples here have no field but the text
    if operator.reaches_out or operator.text_key or not type(operator).__module__.startswith("dj_assets."):
        return False
    try:
        for name in operator.models():
            _MODELS.find(name)
    except MissingModelError:
        return False
    return all(importlib.util.find_spec(package) for package in operator.packages)


def measure(operator: Operator) -> None:
    """Call the kernels of an operator: for texts, and for a part of a batch of texts."""
    bench = Bench(operator, _MODELS)
    whole = bench.batch(TEXTS)
    bench.values(whole)
    bench.values(whole.slice(1, 3))


def find_duplicates() -> None:
    """Call the kernels of the replay: for a search as a whole, and in parts."""
    from dj_assets.kernels.components import components
    from dj_assets.kernels.hamming import Search, near_pairs

    components(3, np.array([0]), np.array([1]))
    near_pairs(np.arange(9, dtype=np.uint64), 4)
    search = Search(4, 6, 2)
    search.pairs(search.chosen(np.arange(9, dtype=np.uint64), 0, 0), 0)


def look_at_media() -> None:
    """Call the kernels for images, clips and the models that run in NumPy."""
    from dj_assets.kernels import layers, optical_flow
    from dj_assets.operators.views.crops import load_kernels

    load_kernels()
    image, flow = np.zeros((16, 16), np.float32), np.zeros((2, 16, 16), np.float32)
    expanded, counts = np.empty((16, 16, 5), np.float32), optical_flow.border(16)
    optical_flow.expand(image, *optical_flow.weights(5, 1.1), expanded)
    optical_flow.improve(expanded, expanded, (counts, counts), 15, flow)
    optical_flow.mean_length(flow)
    values, weight = np.zeros((2, 8), np.float32), np.zeros(8, np.float32)
    layers.layer_norm(values, weight, weight, 1e-5, np.empty_like(values))
    layers.gelu(values.reshape(-1))


def _jobs() -> Iterator[tuple[Callable[..., None], tuple[Operator, ...]]]:
    for operator in operators():
        yield measure, (operator,)
        if operator.name == _LONGEST[-1]:
            yield find_duplicates, ()
            yield look_at_media, ()


def compile_all(report: Callable[[int, int], None]) -> int:
    """Compile the set of this Python and this system; return the number of functions with their types.

    `report` is called with the number of finished jobs and of all jobs.
    """
    with tempfile.TemporaryDirectory() as cache:
        # read when numba is imported, also by the processes
        os.environ["NUMBA_CACHE_DIR"] = cache
        from dj_assets.kernels.jit import stamp

        set_ = _empty_set()
        jobs = list(_jobs())
        report(0, len(jobs))
        pool = ProcessPoolExecutor(_PROCESSES, get_context("spawn"))
        try:
            for done, job in enumerate([pool.submit(call, *given) for call, given in jobs], 1):
                job.result()
                report(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
        files = [path for path in Path(cache).rglob("*.nb?") if path.suffix in {".nbi", ".nbc"}]
        for path in files:
            shutil.copyfile(path, set_ / path.name)
        functions = sum(path.suffix == ".nbc" for path in files)
        shipped.describe(set_, stamp(_MODULES), functions)
    return functions


def is_complete() -> bool:
    """Return whether the set of this Python and this system is there, for the present state of all kernels."""
    from dj_assets.kernels.jit import stamp

    about = shipped.about(shipped.folder(_MODULES))
    return shipped.misfit(shipped.folder(_MODULES), stamp(_MODULES)) is None and bool(about and about.functions)


def _empty_set() -> Path:
    """Remove the sets of other states of the modules; return the folder of an empty set, which hides no new kernel."""
    from dj_assets.kernels.jit import stamp

    now, target = stamp(_MODULES), shipped.folder(_MODULES)
    for other in target.parent.glob("*"):
        about = shipped.about(other)
        if other == target or about is None or about.stamp != now:
            shutil.rmtree(other)
    target.mkdir(parents=True)
    shipped.describe(target, now, 0)
    return target


def main() -> None:
    """Compile the set with a line of progress, unless it is there or would be for this processor alone."""
    if is_complete():
        return
    if (reason := shipped.no_baseline()) is not None:
        sys.stderr.write(f"kernels are compiled at the first run: {reason}\n")
        return
    started, line = time.monotonic(), sys.stderr.isatty()

    def report(done: int, of: int) -> None:
        """Write one line over and over on a terminal, else only the first."""
        if line or not done:
            sys.stderr.write(f"{chr(13) * line}compiling kernels, about a minute: {done} of {of} operators")
            sys.stderr.write("" if line else "\n")
            sys.stderr.flush()

    count = compile_all(report)
    seconds = time.monotonic() - started
    sys.stderr.write(f"{chr(10) * line}compiled {count} functions in {seconds:.0f} s: {shipped.folder(_MODULES)}\n")


if __name__ == "__main__":
    main()
