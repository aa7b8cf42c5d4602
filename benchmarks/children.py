"""Time and memory of a recipe that makes many samples of each: `python -m benchmarks.children --samples 1000000`."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.process import run

RECIPE = """
process:
  - text_length_filter: {min_len: 20}
  - text_chunk_mapper:
  - text_length_filter: {min_len: 12}
  - document_deduplicator:
"""


def write_samples(path: Path, samples: int, children: int) -> None:
    """Write texts of distinct paragraphs; each paragraph becomes a child."""
    words = [f"w{number}" for number in range(5000)]
    chosen = random.Random(1)
    with path.open("w") as file:
        for sample in range(samples):
            parts = (f"{chosen.choice(words)} {chosen.choice(words)} {sample} {part}" for part in range(children))
            file.write(json.dumps({"text": "\n\n".join(parts)}) + "\n")


def main() -> None:
    """Print the time and the memory of a run over generated samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--children", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_samples(folder / "in.jsonl", given.samples, given.children)
        (folder / "recipe.yaml").write_text(RECIPE)
        command = [sys.executable, "-m", "dj_assets.cli", "run", str(folder / "recipe.yaml")]
        options = [
            "--input",
            str(folder / "in.jsonl"),
            "--output",
            str(folder / "out"),
            "--workers",
            str(given.workers),
        ]
        done = run([*command, *options], folder / "log")
        manifest = json.loads((folder / "out/run.json").read_text())
    print(f"{manifest['samples_in']:,} samples, {manifest['created']:,} children, {manifest['samples_out']:,} kept")
    print(f"{done.wall_s:,} s, {done.cpu_s:,} s of CPU, {done.largest_mb:,} MB the largest, {done.all_mb:,} MB all")


if __name__ == "__main__":
    main()
