"""MinHash deduplication with rensa: FOLDER OUTPUT BANDS ROWS. It runs in the environment of rensa."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
from rensa import RMinHash, RMinHashLSH

WINDOW = 5
BATCH = 1000


def shingles(text: str) -> list[str]:
    """Return the shingles of five words between white space, in lower case."""
    words = text.lower().split()
    return [" ".join(words[start : start + WINDOW]) for start in range(max(1, len(words) - WINDOW + 1))]


def batches(folder: str) -> Iterator[list[bytes]]:
    """Yield the lines of all files, a batch at a time."""
    for path in sorted(Path(folder).iterdir()):
        with path.open("rb") as lines:
            while batch := list(islice(lines, BATCH)):
                yield batch


def main(source: str, target: str, bands: int, rows: int) -> None:
    """Write the lines whose text agrees with no earlier one in a band."""
    index = RMinHashLSH(threshold=0.7, num_perm=bands * rows, num_bands=bands)
    first = 0
    with Path(target).open("wb") as output:
        for lines in batches(source):
            tokens = [shingles(orjson.loads(line)["text"]) for line in lines]
            signatures = RMinHash.from_token_sets(tokens, num_perm=bands * rows, seed=42)
            for number, signature in enumerate(signatures, first):
                if not index.query(signature):
                    output.write(lines[number - first])
                index.insert(number, signature)
            first += len(lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
