"""Input of any size: documents of given files, repeated with altered words until there is enough."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parents[1]
# Real texts, where they lie beside the project; else the samples that ship with it.
REAL = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "dj_assets" / "samples"


def default_input(subset: str, real: str) -> Path:
    """Return the real texts of a subset, or its shipped sample."""
    path = REAL / f"{real}.jsonl.zst"
    return path if path.exists() else SAMPLES / f"{subset}.jsonl.gz"


def default_models() -> Path | None:
    """Return the folder of models beside the project, None where there is none: then the demo pair is taken."""
    folder = ROOT.parent / "shared" / "conformance" / "models"
    return folder if folder.exists() else None


def texts(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the texts of JSON lines, plain, gzipped or zstd-compressed."""
    for path in paths:
        opened = {".gz": gzip.open, ".zst": zstandard.open}.get(path.suffix, open)
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                text = record.get("text", record.get("content"))
                if isinstance(text, str):
                    yield text


def write_jsonl(paths: Sequence[Path], target: Path, megabytes: float | None) -> float:
    """Write documents of about so many megabytes (10^6 bytes of text; None: each once) and return how many they are.

    Documents are numbered in the field `id`. From the second time one comes, one word in twenty is another one of its
    words, so that a repetition is neither a duplicate nor free for anything that remembers whole documents.
    """
    written = turn = number = 0
    rng = random.Random(1)
    with target.open("w", encoding="utf-8") as output:
        while True:
            for text in texts(paths):
                made = text if not turn else altered(text, rng)
                output.write(json.dumps({"id": str(number), "text": made}, ensure_ascii=False) + "\n")
                number += 1
                written += len(made.encode())
                if megabytes is not None and written >= megabytes * 1e6:
                    return written / 1e6
            turn += 1
            if megabytes is None or not written:
                return written / 1e6


def altered(text: str, rng: random.Random) -> str:
    """Return a text with one word in twenty, one at least, replaced by another one of it."""
    words = text.split(" ")
    for _ in range(len(words) // 20 + 1):
        words[rng.randrange(len(words))] = rng.choice(words)
    return " ".join(words)
