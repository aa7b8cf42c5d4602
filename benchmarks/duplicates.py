"""Near duplicates: ours beside datatrove, text-dedup and rensa. Same documents, same parameters, runs in turns.

    python -m benchmarks.duplicates [--documents 42493] [--pairs 2000] [--runs 3] [--slow-runs 1] [--workers 2]

Measured are time, memory of all processes, and recall: the share of planted pairs of which one document is gone. All
have 250 hashes in 25 bands of 10 and shingles of five words; they differ in what a word is. So each pair has another
similarity for each of them, which is computed here and drawn against the theory. The programs run in environments of
their own under build/, which the first call makes. datatrove and text-dedup get `--workers` processes, as ours does;
rensa is a library, used by a short script in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import pyarrow as pa
import yaml

from benchmarks import splitting
from benchmarks.environments import ROOT, environment
from benchmarks.minhash_recall import expected
from benchmarks.ours import measure_ours
from benchmarks.planted import WINDOW, Pair, write_planted
from benchmarks.process import command_line, run
from benchmarks.recall_plot import plot
from benchmarks.recipe_tables import row
from benchmarks.turns import NUMBERS, machine, write_result

BANDS, ROWS = 25, 10
PEERS = ROOT / "benchmarks" / "peers"
PICTURE = ROOT / "docs" / "images" / "duplicates.svg"
# Pairs of each similarity whose exact similarities are computed.
COMPARED = 100
OURS = {
    "dj_assets": {"document_minhash_deduplicator": {}},
    "dj_assets, words": {"document_minhash_deduplicator": {"tokenization": "word"}},
    "dj_assets, simhash": {"document_simhash_deduplicator": {}},
}
# datatrove does not name all that it imports, and gives strings to xxhash, which takes none from version 4 on.
PACKAGES = {
    "rensa": ("rensa==0.5.0", "orjson"),
    "datatrove": ("datatrove[io]==0.10.1", "spacy", "regex", "xxhash<4", "orjson", "tokenizers"),
    "text-dedup": ("text-dedup==0.4.0",),
}
# The last two take minutes.
SLOW = ("datatrove", "text-dedup")
Run = Callable[[], dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=42_493)
    parser.add_argument("--pairs", type=int, default=2000, help="of each similarity")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--slow-runs", type=int, default=1, help=f"runs of {' and '.join(SLOW)}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--programs", nargs="+", choices=[*OURS, *PACKAGES], default=[*OURS, *PACKAGES])
    parser.add_argument("--result", default="duplicates", help="name of the result's file, without .json")
    options = parser.parse_args()
    found = measured(options)
    print(table(found))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all programs in turns, write the result and the picture, and return the result."""
    environments = {name: environment(name, PACKAGES[name]) for name in PACKAGES if name in options.programs}
    with tempfile.TemporaryDirectory(prefix="dj-duplicates-") as scratch:
        folder = Path(scratch)
        texts, pairs = write_planted(folder / "input", options.documents, options.pairs)
        programs = {name: _ours(name, folder, options.workers) for name in OURS if name in options.programs}
        for name, python in environments.items():
            programs[name] = partial(_peer, name, python, folder, options.workers)
        head = {
            "command": command_line("duplicates"),
            "machine": machine(),
            "documents": len(texts),
            "megabytes": round(sum(len(text.encode()) for text in texts) / 1e6, 1),
            "bands": BANDS,
            "rows": ROWS,
            "pairs": options.pairs,
        }
        found: dict[str, Any] = {}
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
        loads: list[float] = []
        for turn in range(options.runs):
            loads.append(round(os.getloadavg()[0], 2))
            for name, measure in programs.items():
                if name in SLOW and turn >= options.slow_runs:
                    continue
                runs[name].append(measure())
                summaries = {done: _summary(done, runs[done], pairs, texts) for done in programs if runs[done]}
                found = {**head, "load": loads, "programs": summaries}
                # what was measured so far is kept where a later run fails
                write_result(found, options.result)
    if options.result == "duplicates":
        PICTURE.write_text(plot(found), "utf-8")
    return found


def _ours(name: str, folder: Path, workers: int) -> Run:
    recipe = folder / f"{len(list(folder.iterdir()))}.yaml"
    ((operator, given),) = OURS[name].items()
    bands = {"num_permutations": BANDS * ROWS, "num_bands": BANDS, "num_rows_per_band": ROWS}
    parameters = {**given, **(bands if "minhash" in operator else {})}
    recipe.write_text(yaml.safe_dump({"process": [{operator: parameters}]}), "utf-8")
    return partial(measure_ours, recipe, folder / "input", folder, workers, None)


def _peer(name: str, python: Path, folder: Path, workers: int) -> dict[str, Any]:
    """Run a program once and return its figures with the ids of the documents that it kept."""
    output = folder / "peer"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(output / "hf")}
    env.pop("PYTHONPATH", None)
    done = run([str(python), *_arguments(name, folder / "input", output, workers)], folder / "peer.log", env)
    return {**asdict(done), "kept": _kept(name, output)}


def _arguments(name: str, source: Path, output: Path, workers: int) -> list[str]:
    if name == "rensa":
        return [str(PEERS / "use_rensa.py"), str(source), str(output / "kept.jsonl"), str(BANDS), str(ROWS)]
    if name == "datatrove":
        return [str(PEERS / "use_datatrove.py"), str(source), str(output), *map(str, (BANDS, ROWS, workers))]
    options = {"path": "json", "data_files": source / "*.jsonl", "split": "train", "column": "text", "ngram": WINDOW}
    options |= {"output": output / "kept", "cache_dir": output / "cache", "num_proc": workers, "hash_func": "xxh3"}
    options |= {"num_perm": BANDS * ROWS, "b": BANDS, "r": ROWS, "min_length": WINDOW}
    return ["-m", "text_dedup.minhash", *(str(part) for key, value in options.items() for part in (f"--{key}", value))]


def _kept(name: str, output: Path) -> list[str]:
    """Return the ids of the documents in the output of a program."""
    if name == "text-dedup":
        parts = sorted((output / "kept").glob("*.arrow"))
        return [one for part in parts for one in pa.ipc.open_stream(part.read_bytes()).read_all()["id"].to_pylist()]
    parts = [output / "kept.jsonl"] if name == "rensa" else sorted((output / "kept").iterdir())
    return [json.loads(line)["id"] for part in parts for line in part.read_text("utf-8").splitlines()]


def _summary(name: str, runs: list[dict[str, Any]], pairs: list[Pair], texts: list[str]) -> dict[str, Any]:
    kept = {int(number) for number in runs[0]["kept"]}
    middle = {key: median(one[key] for one in runs) for key in NUMBERS}
    alone = set(range(len(texts))) - {number for pair in pairs for number in (pair.first, pair.second)}
    return {
        **middle,
        "cpus_s": [one["cpu_s"] for one in runs],
        "kept": len(kept),
        "wrongly_removed": len(alone - kept),
        "recall": [_recall(name, alike, pairs, texts, kept) for alike in sorted({p.similarity for p in pairs})[::-1]],
    }


def _recall(name: str, alike: float, pairs: list[Pair], texts: list[str], kept: set[int]) -> dict[str, float]:
    """Return what is found of the pairs of one similarity, and what theory expects for their own similarities."""
    those = [pair for pair in pairs if pair.similarity == alike]
    words = splitting.WORDS_OF.get(name)
    own = [splitting.jaccard(texts[p.first], texts[p.second], words) for p in those[:COMPARED]] if words else []
    return {
        "similarity": round(alike, 4),
        "found": round(mean(not {pair.first, pair.second} <= kept for pair in those), 4),
        "own_similarity": round(mean(own), 4) if own else 0,
        "expected": round(mean(expected(one, BANDS, ROWS) for one in own), 4) if own else 0,
    }


def table(found: dict[str, Any]) -> str:
    """Return time and memory as Markdown, then recall."""
    alike = [f"{one['similarity']:.2f}" for one in next(iter(found["programs"].values()))["recall"]]
    lines = [row(("program", "CPU s", "wall s", "MB (PSS)", "largest MB", "kept")), row(("---", *["--:"] * 5))]
    for name, one in found["programs"].items():
        numbers = (f"{one['cpu_s']:.1f}", f"{one['wall_s']:.1f}", f"{one['pss_mb']:.0f}", f"{one['largest_mb']:.0f}")
        lines.append(row((name, *numbers, f"{one['kept']:,}")))
    lines += ["", row(("found of pairs with similarity", *alike)), row(("---", *["--:"] * len(alike)))]
    theory = [f"{expected(float(value), found['bands'], found['rows']):.3f}" for value in alike]
    lines.append(row(("theory", *theory)))
    for name, one in found["programs"].items():
        lines.append(row((name, *(f"{point['found']:.3f}" for point in one["recall"]))))
        if one["recall"][0]["own_similarity"]:
            own = (f"{point['own_similarity']:.3f}: {point['expected']:.3f}" for point in one["recall"])
            lines.append(row(("its similarity: theory", *own)))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
