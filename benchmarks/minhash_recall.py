"""Recall of MinHash for planted pairs of known similarity, and the share that its theory expects.

python -m benchmarks.minhash_recall [--pairs 2000]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

from benchmarks.process import command_line
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_minhash_deduplicator import DocumentMinhashDeduplicator

RESULTS = Path(__file__).parent / "results"
SIMILARITIES = (0.91, 0.83, 0.77, 0.7, 0.6)
# Bands and rows: chosen for a threshold of 0.7 and 256 permutations, those of datatrove, and two with more recall.
BANDS = ((25, 10), (14, 8), (32, 8), (42, 6))
WINDOW = 5
SHINGLES = 500


def pair(similarity: float, words: random.Random) -> tuple[str, str, float]:
    """Return two texts of `SHINGLES` distinct shingles, and the Jaccard similarity of these, near the wanted one."""
    common = round(2 * SHINGLES * similarity / (1 + similarity))
    length = SHINGLES + WINDOW - 1
    first, second = ([f"{words.getrandbits(48):x}" for _ in range(length)] for _ in range(2))
    kept = common + WINDOW - 1
    # the same beginning: shingles that lie in it are the common ones
    return " ".join(first), " ".join(first[:kept] + second[kept:]), common / (2 * SHINGLES - common)


def expected(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two texts agree in a band."""
    return 1 - (1 - similarity**rows) ** bands


def measured(pairs: list[tuple[str, str, float]], bands: int, rows: int) -> float:
    """Return the share of the pairs whose signatures agree in a band."""
    operator = DocumentMinhashDeduplicator(num_permutations=bands * rows, num_bands=bands, num_rows_per_band=rows)
    texts = [text for first, second, _ in pairs for text in (first, second)]
    keys = np.asarray(operator.sign(Batch.of_texts(texts)).flatten()).reshape(-1, 2, bands)
    return float((keys[:, 0] == keys[:, 1]).any(axis=1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    count = parser.parse_args().pairs
    words = random.Random(0)
    rows_found = []
    for similarity in SIMILARITIES:
        pairs = [pair(similarity, words) for _ in range(count)]
        exact = pairs[0][2]
        for bands, rows in BANDS:
            found = {
                "bands": bands,
                "rows": rows,
                "similarity": round(exact, 3),
                "recall": measured(pairs, bands, rows),
            }
            rows_found.append(found | {"expected": round(expected(exact, bands, rows), 4)})
            print(rows_found[-1])
    content = {"command": command_line("minhash_recall"), "pairs": count, "found": rows_found}
    (RESULTS / "minhash_recall.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
