"""MinHash deduplication from the file to the refined shard, one process: documents per second of CPU time.

python -m benchmarks.minhash [--documents 40000] [--characters 2500] [--permutations 256]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import yaml

from benchmarks.inputs import REAL, SAMPLES, texts, write_jsonl
from benchmarks.ours import measure_ours
from benchmarks.process import command_line
from benchmarks.scaling import ENGLISH

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--characters", type=int, default=2500)
    parser.add_argument("--permutations", type=int, default=256)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dj-minhash-") as name:
        folder = Path(name)
        recipe = folder / "recipe.yaml"
        step = {"document_minhash_deduplicator": {"num_permutations": options.permutations}}
        recipe.write_text(yaml.safe_dump({"process": [step]}), "utf-8")
        _write(folder / "few.jsonl", 100, options.characters)
        _write(folder / "all.jsonl", options.documents, options.characters)
        # the first run compiles, the second tells what a run costs without documents
        measure_ours(recipe, folder / "few.jsonl", folder, 1, None)
        start = measure_ours(recipe, folder / "few.jsonl", folder, 1, None)
        found = measure_ours(recipe, folder / "all.jsonl", folder, 1, None)
    found["samples_out"] = len(found.pop("kept"))
    found |= {"command": command_line("minhash"), "start_cpu_s": start["cpu_s"]}
    found["documents_per_cpu_s"] = round(options.documents / found["cpu_s"])
    found["documents_per_cpu_s_after_start"] = round(options.documents / (found["cpu_s"] - start["cpu_s"]))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "minhash.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


def _write(target: Path, count: int, characters: int) -> None:
    real = [REAL / f"{name}.jsonl.zst" for name in ENGLISH]
    inputs = [path for path in real if path.exists()] or sorted(SAMPLES.glob("*.jsonl.gz"))
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as whole:
        # twice what is needed, for the ends of documents are left out
        write_jsonl(inputs, Path(whole.name), 2e-6 * count * characters)
        with target.open("w", encoding="utf-8") as output:
            for number, text in enumerate(islice(_cut(Path(whole.name), characters), count)):
                output.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")


def _cut(path: Path, characters: int) -> Iterator[str]:
    for text in texts([path]):
        for start in range(0, len(text) - characters + 1, characters):
            yield text[start : start + characters]


if __name__ == "__main__":
    main()
