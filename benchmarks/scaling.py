"""Time and memory of one recipe over inputs of growing size, as JSON and as a plot.

python -m benchmarks.scaling [--megabytes 10 100 1000] [--recipe redpajama/c4] [--workers 2] [--input FILE ...]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.inputs import REAL, ROOT, SAMPLES, default_models, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.process import command_line

RESULTS = Path(__file__).parent / "results"
ENGLISH = ("redpajama_c4", "redpajama_cc", "redpajama_wiki", "redpajama_arxiv", "redpajama_book", "pile_freelaw")
WIDTH, HEIGHT, MARGIN = 640, 260, 48


def main() -> None:
    options = _options()
    recipe = ROOT / "recipes" / f"{options.recipe}.yaml"
    points = []
    with tempfile.TemporaryDirectory(prefix="dj-scaling-", dir=options.scratch) as name:
        folder, data = Path(name), Path(name) / "input.jsonl"
        for size in sorted(options.megabytes):
            megabytes = write_jsonl(options.input, data, size)
            measured = measure_ours(recipe, data, folder, options.workers, options.models)
            measured.pop("kept")
            points.append({"megabytes": round(megabytes, 1), **measured})
            shutil.rmtree(folder / "ours")
            print(
                f"{megabytes:.0f} MB: {measured['wall_s']} s, CPU {measured['cpu_s']} s, largest process "
                f"{measured['largest_mb']:.0f} MB, all {measured['pss_mb']:.0f} MB"
            )
    RESULTS.mkdir(exist_ok=True)
    found = {"command": command_line("scaling"), "recipe": options.recipe, "workers": options.workers, "points": points}
    (RESULTS / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "scaling.svg").write_text(plot(points), "utf-8")


def _options() -> argparse.Namespace:
    real = [REAL / f"{name}.jsonl.zst" for name in ENGLISH]
    inputs = [path for path in real if path.exists()] or sorted(SAMPLES.glob("*.jsonl.gz"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--recipe", default="redpajama/c4")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--input", type=Path, nargs="+", default=inputs)
    parser.add_argument("--models", type=Path, default=default_models())
    parser.add_argument("--scratch", type=Path, help="folder for input and output (default: that of the system)")
    return parser.parse_args()


def plot(points: list[dict[str, Any]]) -> str:
    """Return an SVG with time (and what it would be if it grew linearly from the first point) and memory."""
    first = points[0]
    rate = first["wall_s"] / first["megabytes"]
    top = [("seconds", "wall_s", "#2563eb"), ("MB of the largest process", "largest_mb", "#b45309")]
    charts = [_chart(points, title, key, colour, x) for x, (title, key, colour) in enumerate(top)]
    linear = _line(
        [(p["megabytes"], rate * p["megabytes"]) for p in points], _scales(points, "wall_s", 0), "#94a3b8", "4 3"
    )
    size = f'viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(charts)}{linear}</svg>\n'


def _scales(points: list[dict[str, Any]], key: str, column: int) -> tuple[float, float, float]:
    """Return pixels a megabyte, pixels a unit and the left edge of a chart."""
    across = (WIDTH - 2 * MARGIN) / max(p["megabytes"] for p in points)
    up = (HEIGHT - 2 * MARGIN) / max(p[key] for p in points)
    return across, up, column * WIDTH + MARGIN


def _line(values: list[tuple[float, float]], scales: tuple[float, float, float], colour: str, dashes: str = "") -> str:
    across, up, left = scales
    places = " ".join(f"{left + x * across:.1f},{HEIGHT - MARGIN - y * up:.1f}" for x, y in values)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def _chart(points: list[dict[str, Any]], title: str, key: str, colour: str, column: int) -> str:
    scales = across, up, left = _scales(points, key, column)
    bottom = HEIGHT - MARGIN
    marks = "".join(
        f'<circle cx="{left + p["megabytes"] * across:.1f}" cy="{bottom - p[key] * up:.1f}" r="3" fill="{colour}"/>'
        f'<text x="{left + p["megabytes"] * across:.1f}" y="{bottom - p[key] * up - 8:.1f}" text-anchor="end">'
        f"{p[key]:.0f}</text>"
        f'<text x="{left + p["megabytes"] * across:.1f}" y="{bottom + 16}" text-anchor="middle">'
        f"{p['megabytes']:.0f}</text>"
        for p in points
    )
    axes = f'<path d="M{left} {MARGIN}V{bottom}H{left + WIDTH - 2 * MARGIN}" fill="none" stroke="#64748b"/>'
    label = f'<text x="{left}" y="{MARGIN - 16}">{title}, by MB of input</text>'
    return axes + label + _line([(p["megabytes"], p[key]) for p in points], scales, colour) + marks


if __name__ == "__main__":
    main()
