"""Documents for tests: seeded, varied, with duplicates and defects, as many as wanted."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo ya zen tor mal ing est or an".split()


def documents(count: int, seed: int = 7, words: int = 60) -> list[dict]:
    """Return `count` records; about one in eight repeats an earlier text, some are too short or hold no text."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(3000)]
    records: list[dict] = []
    for number in range(count):
        kind = rng.random()
        texts = [record["text"] for record in records[-50:] if record["text"]]
        if kind < 0.12 and texts:
            text = rng.choice(texts)
        elif kind < 0.16:
            text = rng.choice(["", "short", "!!!! ???? ####"])
        elif kind < 0.17:
            text = None
        else:
            text = " ".join(rng.choices(vocabulary, k=rng.randint(words // 2, words * 2)))
        records.append({"text": text, "meta": {"n": number, "seed": seed}})
    return records


def write_jsonl(path: Path, records: list[dict]) -> Path:
    """Write records as JSON lines, gzipped where the name says so."""
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path
