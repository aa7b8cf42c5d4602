"""A small refined subset for tests of exports, and its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import dj_assets
from tests.documents import documents, write_jsonl

PROCESS = {"process": [{"text_length_filter": {"min_len": 1}}]}


def run_texts(folder: Path, count: int, seed: int = 3) -> Path:
    """Refine some documents; return the output folder."""
    source = write_jsonl(folder / f"texts-{seed}.jsonl", documents(count, seed=seed))
    dj_assets.run_recipe(PROCESS, [source], folder / f"out-{seed}", workers=1)
    return folder / f"out-{seed}"


def refined_samples(out: Path) -> list[dict[str, Any]]:
    """Return the samples of an output folder."""
    return [row for part in sorted((out / "refined").iterdir()) for row in pq.read_table(part).to_pylist()]


def refined_texts(out: Path) -> list[str]:
    """Return the texts of an output folder."""
    return [row["text"] for row in refined_samples(out)]
