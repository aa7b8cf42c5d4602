"""What a move of a slider costs: the funnel of the filters and the border, over made statistics of a finished run.

python -m benchmarks.what_if [--samples 10000000] [--statistics 12]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.process import command_line
from dj_assets import settings
from dj_assets.home.layout import Layout
from dj_assets.operators.base import RangeFilter
from dj_assets.operators.registry import find
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import Plan, make_plan
from dj_assets.what_if.borders import neighbours
from dj_assets.what_if.bounds import Movable, SliderBound, axis, movables
from dj_assets.what_if.filters_alone import count_filters
from dj_assets.what_if.judged import Judged

RESULTS = Path(__file__).parent / "results"
FILES, REPEATS = 40, 5
FILTERS = ("alphanumeric_filter", "special_characters_filter", "text_length_filter", "words_num_filter")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--statistics", type=int, default=12)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="what_if_"))
    try:
        found = {"command": command_line("what_if"), "samples": options.samples, "statistics": options.statistics}
        plan = made_plan(options.statistics)
        files = made_statistics(folder, plan, options.samples)
        listed = ", ".join(f"'{file}'" for file in files)
        for kind, how in (("native", "TABLE"), ("views", "VIEW")):
            with duckdb.connect(folder / f"{kind}.duckdb") as connection:
                connection.execute(f"CREATE {how} stats AS SELECT * FROM read_parquet([{listed}])")
            found[kind] = measured(folder / f"{kind}.duckdb", plan)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "what_if.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        print(json.dumps(found, indent=1))
    finally:
        shutil.rmtree(folder)


def made_plan(count: int) -> Plan:
    """Return filters with both bounds, shares and whole numbers by turns."""
    process = []
    for number in range(count):
        kind = find(FILTERS[number % len(FILTERS)])
        assert kind is not None and issubclass(kind, RangeFilter)
        low, high = kind.bounds
        whole = number % len(FILTERS) >= 2
        process.append(kind(**({low: 100, high: 9_900} if whole else {low: 0.01, high: 0.99})))
    return make_plan(Recipe(file="<dict>", process=tuple(process), project_name="made"))


def made_statistics(folder: Path, plan: Plan, samples: int) -> list[Path]:
    """Write random statistics as a run does: Parquet, one file a shard, doubles and whole numbers."""
    made = ", ".join(
        f'(random() * 10000)::BIGINT AS "{column}"' if number % len(FILTERS) >= 2 else f'random() AS "{column}"'
        for number, column in enumerate(plan.stat_columns)
    )
    files = []
    with duckdb.connect() as connection:
        for shard in range(FILES):
            files.append(folder / f"{shard:05d}.parquet")
            connection.execute(
                f"COPY (SELECT {shard}::INTEGER AS shard, row, 'made.jsonl:' || row AS id, {made} "
                f"FROM range({samples // FILES}) made(row)) TO '{files[-1]}' (COMPRESSION zstd)"
            )
    return files


def measured(database: Path, plan: Plan) -> dict[str, Any]:
    """Return the seconds of every question the page asks: once when it opens, and after a slider was moved."""
    layout = Layout.home(database.parent)
    no_rejects = database.with_name("rejects.parquet")
    with duckdb.connect(database, read_only=True, config={"threads": settings.default_workers()}) as connection:
        connection.execute(f"COPY (SELECT 0 shard, 0 AS row, -1 AS step WHERE FALSE) TO '{no_rejects}'")
        judged = Judged(connection, [no_rejects])
        first = seconds(lambda _: count_filters(judged, plan), 1)
        moved = [moved_plan(plan, 0.02 + 0.01 * number) for number in range(REPEATS)]
        return {
            "funnel_first_s": first,
            "funnel_s": seconds(lambda number: count_filters(judged, moved[number]), REPEATS),
            "border_s": seconds(
                lambda number: neighbours(judged, moved[number], layout, border(moved[number])), REPEATS
            ),
            "histogram_s": seconds(lambda _: axis(connection, plan, movables(plan)[0]), REPEATS),
        }


def moved_plan(plan: Plan, low: float) -> Plan:
    """Return the plan with another lower bound of its first filter."""
    first, *others = plan.recipe.process
    moved = first.model_copy(update={border(plan)[1].parameter: low})
    return make_plan(dataclasses.replace(plan.recipe, process=(moved, *others)))


def border(plan: Plan) -> tuple[Movable, SliderBound]:
    """Return the bound that is moved."""
    movable = movables(plan)[0]
    return movable, movable.bounds[0]


def seconds(asked: Callable[[int], object], repeats: int) -> float:
    """Return the median of some calls, each told its number."""
    taken = []
    for number in range(repeats):
        started = time.perf_counter()
        asked(number)
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken), 2)


if __name__ == "__main__":
    main()
