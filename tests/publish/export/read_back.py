"""Read exports back with the libraries that they are made for, for `make read-back`.

`write FOLDER`, in the environment of the project, makes exports of a small run; `read FOLDER`, in one with the
libraries, reads them and compares the counts. The name keeps this file out of the suite: the libraries are large.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LENGTH = 64


def write(folder: Path) -> None:
    """Run a recipe, and export its samples in every format of tokens, and for the hub."""
    import dj_assets
    from dj_assets.home.layout import Layout
    from dj_assets.publish.export.export import Export
    from dj_assets.publish.export.tokens import TokenSettings
    from tests.documents import documents, write_jsonl
    from tests.paths import ROOT

    source = write_jsonl(folder / "a.jsonl", documents(300, seed=3))
    dj_assets.run_recipe({"process": [{"text_length_filter": {"min_len": 1}}]}, [source], folder / "out", workers=1)
    counts = {}
    formats: list[tuple[Any, int]] = [("megatron", 0), ("mds", 0), ("mds", LENGTH), ("huggingface", 0)]
    for format, length in formats:
        settings = TokenSettings(ROOT / "dj_assets/models/demo/en.sp.model", "", length)
        name = f"{format}-{length}"
        done = Export(Layout.output(folder / "out"), folder / name, format, 60_000, settings).run()
        counts[name] = [done.samples, done.count("tokens") - done.count("tokens_left_out")]
    (folder / "counts.json").write_text(json.dumps(counts))


def read(folder: Path) -> int:
    """Read the exports; return 1 where a count differs."""
    import datasets  # type: ignore[import-not-found]
    from megatron.core.datasets.indexed_dataset import IndexedDataset  # type: ignore[import-not-found]
    from streaming import StreamingDataset  # type: ignore[import-not-found]

    found = {}
    files = [IndexedDataset(str(path.with_suffix(""))) for path in sorted((folder / "megatron-0").glob("*.idx"))]
    found["megatron-0"] = [sum(map(len, files)), sum(len(file[at]) for file in files for at in range(len(file)))]
    expected = json.loads((folder / "counts.json").read_text())
    for length in (0, LENGTH):
        samples = [sample["tokens"] for sample in StreamingDataset(local=str(folder / f"mds-{length}"), batch_size=1)]
        whole = {len(sample) for sample in samples} == {LENGTH}
        # packed samples are no documents
        documents = expected[f"mds-{length}"][0] if length and whole else len(samples)
        found[f"mds-{length}"] = [documents, sum(map(len, samples))]
    found["huggingface-0"] = [datasets.load_dataset(str(folder / "huggingface-0"), split="train").num_rows, 0]
    for name, counts in found.items():
        sys.stdout.write(f"{name}: {counts[0]:,} samples, {counts[1]:,} tokens\n")
    return int(found != expected)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    sys.exit(read(place) if sys.argv[1] == "read" else write(place))
