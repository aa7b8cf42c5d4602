"""The share of time for which a device waits for its next inputs, on a device that is simulated by sleeping.

    python -m benchmarks.device_wait [--images 1500] [--milliseconds 3 10]

A GPU works while the process that feeds it prepares what comes next. The simulated one does, too: a batch of n inputs
takes n times some milliseconds, in which Python is free to work. It waits from the end of one batch to the start of the
next. The recipe shows every image to CLIP and BLIP after filters over the texts; one process measures, as on a machine
with one GPU, and its images are decoded by the process that decodes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import dj_assets
from benchmarks.process import command_line
from dj_assets.models.vision import device
from dj_assets.models.vision.device import Arrays, Batching

RESULTS = Path(__file__).parent / "results" / "device_wait.json"
RECIPE = {
    "image_special_token": "<image>",
    "eoc_special_token": "<|__dj__eoc|>",
    "process": [
        "fix_unicode_mapper",
        "alphanumeric_filter",
        "character_repetition_filter",
        {"special_characters_filter": {"max_ratio": 0.9}},
        "image_shape_filter",
        {"image_text_similarity_filter": {"min_score": -1.0}},
        {"image_text_matching_filter": {"min_score": 0.0}},
    ],
}
AT_ONCE = 256


class Simulated:
    """Hold when a simulated device was busy: it takes one batch at a time."""

    def __init__(self, milliseconds: float) -> None:
        self.milliseconds = milliseconds
        self.busy: list[tuple[float, float, int]] = []
        self._alone = threading.Lock()

    def __enter__(self) -> Simulated:
        self._before = Batching._once, device._AT_ONCE_ON_CPU
        run_once = Batching._once

        def slowly(batching: Batching, forward: Callable[..., Any], inputs: Sequence[Arrays]) -> np.ndarray:
            with self._alone:
                start = time.perf_counter()
                result = run_once(batching, forward, inputs)
                end = start + len(inputs[0]) * self.milliseconds / 1000
                time.sleep(max(0.0, end - time.perf_counter()))
                self.busy.append((start, time.perf_counter(), len(inputs[0])))
                return result

        Batching._once = slowly  # type: ignore[method-assign]
        device._AT_ONCE_ON_CPU = AT_ONCE
        return self

    def __exit__(self, *_: object) -> None:
        Batching._once, device._AT_ONCE_ON_CPU = self._before  # type: ignore[method-assign]

    @property
    def waited(self) -> float:
        """Return the share of the time from the first batch to the end of the last in which the device did nothing."""
        whole = max(end for _, end, _ in self.busy) - min(start for start, _, _ in self.busy)
        return 1 - sum(end - start for start, end, _ in self.busy) / whole


def captioned(folder: Path, images: int) -> Path:
    """Write images of 400 x 300 pixels and a file of samples that list them."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:300, 0:400]
    data = folder / "captions.jsonl"
    with data.open("w", encoding="utf-8") as lines:
        for number in range(images):
            noise = rng.integers(0, 40, (300, 400, 3))
            pixels = (np.stack([x + number, y * 2, x + y], -1) + noise) % 256
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.jpg", quality=90)
            words = rng.choice(["red", "small", "house", "tree", "lake", "bird", "old", "street"], 8)
            text = f"<image>\nA {' '.join(words)}, number {number} <|__dj__eoc|>"
            lines.write(json.dumps({"id": str(number), "text": text, "images": [f"{number}.jpg"]}) + "\n")
    return data


def measured(images: int, milliseconds: float, folder: Path) -> dict[str, Any]:
    """Run the recipe with a simulated device; return its share of waiting, the sizes of batches, and the seconds."""
    data = captioned(folder, images)
    started = time.perf_counter()
    with Simulated(milliseconds) as simulated:
        result = dj_assets.run_recipe(RECIPE, [data], folder / "output", workers=1)
    sizes = [size for _, _, size in simulated.busy]
    return {
        "waited": round(simulated.waited, 4),
        "batches": len(sizes),
        "mean_batch": round(float(np.mean(sizes)), 1),
        "seconds": round(time.perf_counter() - started, 1),
        "samples_out": result.samples_out,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[3.0, 10.0])
    options = parser.parse_args()
    rows = []
    for milliseconds in options.milliseconds:
        with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
            row = {"milliseconds": milliseconds, **measured(options.images, milliseconds, Path(name))}
        rows.append(row)
        row["load"] = round(os.getloadavg()[0], 1)
        print(row)
        found = {"command": command_line("device_wait"), "rows": rows}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
