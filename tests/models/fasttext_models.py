"""Small fastText classifiers for tests, written as the library writes them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

DIMENSION = 5
WORDS = ("</s>", "the", "haus", "étude")
LABELS = {"en": 50, "de": 30, "fr": 30, "zh": 1}


def write_dense(path: Path, spread: float = 1.0, loss: int = 1, labels: dict[str, int] = LABELS) -> Path:
    """Write a dense model with 64 buckets that no n-gram was pruned from; with `spread` 0 all turns are even."""
    rng = np.random.default_rng(1)
    entries = [(word, 100, 0) for word in WORDS] + [(f"__label__{name}", n, 1) for name, n in labels.items()]
    rows = rng.normal(0, spread, (len(WORDS) + 64, DIMENSION)).astype(np.float32)
    output = rng.normal(0, spread, (len(labels), DIMENSION)).astype(np.float32)
    parts = [
        struct.pack("<ii", 793712314, 12),
        struct.pack("<12id", DIMENSION, 5, 5, 1, 5, 1, loss, 3, 64, 2, 4, 100, 0.0),
        struct.pack("<iiiqq", len(entries), len(WORDS), len(labels), 500, -1),
        *(name.encode() + b"\0" + struct.pack("<qb", count, kind) for name, count, kind in entries),
        b"\0" + struct.pack("<qq", *rows.shape) + rows.tobytes(),
        b"\0" + struct.pack("<qq", *output.shape) + output.tobytes(),
    ]
    path.write_bytes(b"".join(parts))
    return path
