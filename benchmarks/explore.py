"""Time the questions that the page of Explore asks, over a run of synthetic samples.

    python -m benchmarks.explore --samples 10000000 --folder /tmp/explore

writes source files with DuckDB, runs a recipe over them, and asks every question as the browser does, over HTTP. With
`--keep` the folder stays, and the next call reuses its run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import threading
import time
from pathlib import Path

import duckdb

import dj_assets
from dj_assets.explore.server import ExploreServer

FILES = 20
RECIPE = """\
process:
  - text_length_filter: {min_len: 40, max_len: 190}
  - alphanumeric_filter: {min_ratio: 0.7}
  - special_characters_filter: {max_ratio: 0.72}
  - average_line_length_filter: {min_len: 20}
  - document_deduplicator:
"""
# Texts of 30 to 200 characters, with words and numbers; every hundredth is one of a thousand texts that repeat.
WRITE = """
COPY (
    SELECT CASE WHEN n % 100 = 0 THEN 'A text that repeats, number ' || (n // 100) % 1000 || ' of a thousand.'
           ELSE left(replace(replace(replace(concat(md5(n::VARCHAR), md5((n + 7)::VARCHAR), md5((n * 3)::VARCHAR),
                md5((n * 5)::VARCHAR), md5((n * 9)::VARCHAR)), '0', ' '), '4', 'o, '), '7', 'n'),
                30 + (hash(n) % 170)::INTEGER) END AS text,
           ['en', 'de', 'fr', 'es'][1 + n % 4] AS lang
    FROM range({first}, {last}) r(n)
) TO '{path}' (FORMAT parquet)
"""


def prepare(folder: Path, samples: int) -> Path:
    """Write the source and run the recipe, unless the folder has the run; return its output folder."""
    out = folder / "out"
    if (out / "stats.duckdb").exists():
        return out
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    recipe = folder / "synthetic.yaml"
    recipe.write_text(RECIPE)
    each = samples // FILES
    for number in range(FILES):
        path = source / f"{number:02d}.parquet"
        duckdb.sql(WRITE.format(first=number * each, last=(number + 1) * each, path=path))
    started = time.perf_counter()
    result = dj_assets.run_recipe(recipe, [source], out)
    print(
        f"ran over {result.samples_in:,} samples in {time.perf_counter() - started:.0f} s, {result.samples_out:,} kept"
    )
    return out


def main() -> None:
    """Print the seconds of every question: the first time, and the median of later ones with other values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/explore_benchmark"))
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    out = prepare(given.folder, given.samples)
    with ExploreServer(0, folder=str(out)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        measure(server, given.samples)
        server.shutdown()
    if not given.keep:
        shutil.rmtree(given.folder)


def measure(server: ExploreServer, samples: int) -> None:
    """Ask all questions and print their times."""

    def ask(question: str, **body: object) -> tuple[float, dict]:
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=120)
        started = time.perf_counter()
        headers = {"X-Dj-Assets": "page", "Content-Type": "application/json"}
        connection.request("POST", f"/{server.token}/out/ask/{question}", json.dumps(body), headers)
        answer = json.loads(connection.getresponse().read())
        if "error" in answer:
            raise SystemExit(f"{question}: {answer['error']}")
        return time.perf_counter() - started, answer

    ranges = [{"text_len": [low, 150]} for low in (50, 60, 70)]
    clicks: dict[str, tuple[str, list[dict[str, object]]]] = {
        "open the page": ("about", [{}]),
        "first rows": ("page", [{"query": {}, "start": start} for start in (0, samples // 2, samples - 50)]),
        "one outcome": ("page", [{"query": {"kinds": [kind]}} for kind in ("dropped", "kept", "dropped")]),
        "one operator": (
            "page",
            [{"query": {"operators": [name]}} for name in ("text_length_filter", "document_deduplicator")],
        ),
        "range of a statistic": ("page", [{"query": {"ranges": chosen}} for chosen in ranges]),
        "order by a statistic": (
            "page",
            [
                {"query": {"sort": "alnum_ratio", "descending": True}, "start": at}
                for at in (0, samples // 3, samples - 50)
            ],
        ),
        "range and order": ("page", [{"query": {"ranges": chosen, "sort": "alnum_ratio"}} for chosen in ranges]),
        "random sample": ("page", [{"query": {"seed": seed}} for seed in (1, 2, 3)]),
        "one file": ("page", [{"query": {"files": [number]}} for number in (3, 9, 17)]),
        "excerpts of the rows": (
            "texts",
            [{"positions": list(range(at, at + 60))} for at in (0, samples // 2, samples - 60)],
        ),
        # the page asks for the rows in sight first, then for those that are a scroll away
        "excerpts, random rows": (
            "texts",
            [{"positions": [(at * 7919 + n * samples // 18) % samples for n in range(17)]} for at in (1, 2, 3)],
        ),
        "the next 43 of them": (
            "texts",
            [{"positions": [(at * 7919 + n * samples // 44) % samples for n in range(43)]} for at in (4, 5, 6)],
        ),
        "histogram": (
            "histogram",
            [{"query": {"ranges": chosen}, "statistic": "special_char_ratio"} for chosen in ranges],
        ),
        "scatter": (
            "scatter",
            [{"query": {"ranges": chosen}, "x": "text_len", "y": "alnum_ratio"} for chosen in ranges],
        ),
        "groups by file": (
            "groups",
            [{"query": {"ranges": chosen}, "by": "source file", "statistic": "text_len"} for chosen in ranges],
        ),
        "one sample": ("sample", [{"position": at} for at in (5, samples // 2, samples - 7)]),
        "operators of a sample": ("trace", [{"position": at} for at in (5, samples // 2, samples - 7)]),
        "two moved thresholds": (
            "moved",
            [{"changes": {"0": {"min_len": low}, "1": {"min_ratio": 0.8}}} for low in (50, 60, 70)],
        ),
        "the lost samples": (
            "page",
            [
                {"query": {"moved": {"0": {"min_len": low}, "1": {"min_ratio": 0.8}}, "change": "lost"}}
                for low in (50, 60)
            ],
        ),
        "start of a search": ("page", [{"query": {"text": "number 77"}}]),
    }
    print(f"{'click':<24}{'first s':>9}{'later s':>9}{'CPU s':>9}")
    for name, (question, bodies) in clicks.items():
        times, used = [], []
        for body in bodies:
            before = time.process_time()
            times.append(ask(question, **body)[0])
            used.append(time.process_time() - before)
        later = f"{statistics.median(times[1:]):9.3f}{statistics.median(used[1:]):9.3f}" if times[1:] else ""
        print(f"{name:<24}{times[0]:9.3f}{later}", flush=True)
        # the statistics are read in the background once a run is open
        time.sleep(10 if question == "about" else 0)
    search(ask)


def search(ask: object) -> None:
    """Print how soon a search shows progress, and how long it takes."""
    started, first = time.perf_counter(), 0.0
    while True:
        _, answer = ask("progress", query={"text": "a1 b2"})  # type: ignore[operator]
        seconds, progress = time.perf_counter() - started, answer["search"]
        first = first or (seconds if progress["done"] else 0.0)
        if progress["finished"]:
            break
        time.sleep(0.02)
    print(f"search: progress after {first:.3f} s, all texts after {seconds:.1f} s, {progress['found']:,} found")


if __name__ == "__main__":
    main()
