"""Decontamination of made-up texts: the index of the benchmarks, and MB of text a second of CPU time on one core.

python -m benchmarks.decontamination [--megabytes 100] [--references 20000] [--planted 0.01] [--ngram 13]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.process import command_line
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.reference_filter import Document, Index
from dj_assets.operators.text.decontamination_filter import DecontaminationFilter
from dj_assets.system import peak_rss_mb

RESULTS = Path(__file__).parent / "results"
_WORDS_A_REFERENCE, _WORDS_A_TEXT, _TEXTS_A_BATCH = 120, 400, 1000


def vocabulary(count: int, draw: np.random.Generator) -> list[str]:
    """Return words of 2 to 10 letters."""
    letters = draw.integers(97, 123, (count, 10)).astype(np.uint8)
    return [bytes(row[:length]).decode() for row, length in zip(letters, draw.integers(2, 11, count), strict=True)]


def texts(words: list[str], count: int, length: int, draw: np.random.Generator) -> list[str]:
    """Return texts of words that are as frequent as in a language: by their rank (Zipf)."""
    ranks = np.minimum(draw.zipf(1.2, (count, length)) - 1, len(words) - 1)
    return [" ".join(words[rank] for rank in row) for row in ranks.tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--references", type=int, default=20_000)
    parser.add_argument("--planted", type=float, default=0.01, help="share of the texts with a passage of a benchmark")
    parser.add_argument("--ngram", type=int, default=13)
    options = parser.parse_args()
    draw = np.random.default_rng(0)
    words = vocabulary(50_000, draw)
    benchmark = texts(words, options.references, _WORDS_A_REFERENCE, draw)
    operator = DecontaminationFilter(against="benchmark.jsonl", ngram=options.ngram)
    # compiles
    operator.measure_against(Batch.of_texts(["a b c d e f g h i"]), operator.index([Document("b", "0", benchmark[0])]))
    found: dict[str, Any] = {"command": command_line("decontamination"), "before_mb": peak_rss_mb()}
    started = time.process_time()
    index = operator.index(Document("benchmark", str(number), text) for number, text in enumerate(benchmark))
    found["index_cpu_s"] = round(time.process_time() - started, 2)
    found |= {"index_mb": round(len(index) / 1e6, 1), "after_index_mb": peak_rss_mb()}
    found |= _measured(operator, index, words, benchmark, options)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "decontamination.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


def _measured(
    operator: DecontaminationFilter, index: Index, words: list[str], benchmark: list[str], options: argparse.Namespace
) -> dict[str, Any]:
    draw = np.random.default_rng(1)
    size = planted = dropped = 0
    seconds = 0.0
    while size < options.megabytes * 1_000_000:
        made = texts(words, _TEXTS_A_BATCH, _WORDS_A_TEXT, draw)
        for number in np.flatnonzero(draw.random(len(made)) < options.planted).tolist():
            made[number] += " " + benchmark[number % len(benchmark)]
            planted += 1
        batch = Batch.of_texts(made)
        started = time.process_time()
        values = operator.measure_against(batch, index)
        seconds += time.process_time() - started
        size += sum(map(len, made))
        dropped += sum(count > 0 for count in values["contaminated_ngrams"].to_pylist())
    megabytes = size / 1e6
    return {
        "text_mb": round(megabytes, 1),
        "cpu_s": round(seconds, 2),
        "mb_per_cpu_s": round(megabytes / seconds, 1),
        "planted": planted,
        "contaminated": dropped,
        "peak_mb": peak_rss_mb(),
    }


if __name__ == "__main__":
    main()
