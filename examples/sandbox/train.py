"""Train a letter trigram model on a pool, in a fraction of a second, for the tutorial of the sandbox.

    python train.py POOL.jsonl HELD_OUT.jsonl.gz SEED

prints as its last line the loss on the held-out texts, in nats a character.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

CHARACTERS = "abcdefghijklmnopqrstuvwxyz .,"
# Characters to train on: the same number for every pool.
BUDGET = 12_000
SMOOTHING = 0.05


def texts(path: Path) -> list[str]:
    """Return the texts of a file of JSON lines, plain or gzipped."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def codes(found: Iterable[str]) -> np.ndarray:
    """Return the characters as numbers: any white space is a blank, all unknown characters share one number."""
    joined = " ".join(" ".join(text.split()) for text in found).lower()
    return np.array([CHARACTERS.find(char) % (len(CHARACTERS) + 1) for char in joined])


def trigrams(numbers: np.ndarray) -> np.ndarray:
    """Count how often each character follows each pair of characters, shape (c, c, c)."""
    size = len(CHARACTERS) + 1
    flat = (numbers[:-2] * size + numbers[1:-1]) * size + numbers[2:]
    return np.bincount(flat, minlength=size**3).reshape(size, size, size)


def main(pool: str, held_out: str, seed: str) -> None:
    """Train on the pool, evaluate on the held-out texts, print the loss as JSON."""
    found = texts(Path(pool))
    order = np.random.default_rng(int(seed)).permutation(len(found))
    counts = trigrams(codes(found[n] for n in order)[:BUDGET]) + SMOOTHING
    logarithms = np.log(counts / counts.sum(axis=2, keepdims=True))
    seen = trigrams(codes(texts(Path(held_out))))
    loss = -float((seen * logarithms).sum() / seen.sum())
    sys.stdout.write(json.dumps({"loss": loss, "texts": len(found)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
