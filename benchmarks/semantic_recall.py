"""Recall of `semantic_deduplicator` for planted paraphrases, by the number of clusters and of those that a text is in.

python -m benchmarks.semantic_recall [--texts 20000]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.process import command_line
from dj_assets.models.store import ModelStore
from dj_assets.operators import contract
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.semantic_deduplicator import SemanticDeduplicator
from tests.operators.paraphrases import planted, save_model

RESULTS = Path(__file__).parent / "results"
THRESHOLD = 0.9
CLUSTERS = (1, 8, 64)
NEAREST = (1, 2, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    count = parser.parse_args().texts
    texts, originals = planted(count, count // 4)
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder) / "tiny")
        batch = Batch.of_texts(texts, ModelStore.with_folder(Path(folder)))
        signatures, stored = contract.signed_with_vectors(SemanticDeduplicator(embedding_model="tiny"), batch)
    distinct, first, of = np.unique(signatures.to_numpy(), return_index=True, return_inverse=True)
    vectors = stored.flatten().to_numpy().reshape(len(texts), -1)[first]
    expected = {tuple(sorted((int(of[copy]), int(of[original])))) for copy, original in originals.items()}
    # paraphrases with the same embedding are found by their signature
    equal = sum(a == b for a, b in expected)
    found = []
    for number, nearest in ((n, k) for n in CLUSTERS for k in NEAREST if k <= n):
        operator = SemanticDeduplicator(
            similarity_threshold=THRESHOLD, num_clusters=number, nearest_clusters=nearest, embedding_model="tiny"
        )
        begin = time.perf_counter()
        pairs = operator.near_vectors(distinct, vectors)
        seconds = time.perf_counter() - begin
        ends = (np.searchsorted(distinct, pairs[name].to_numpy()) for name in ("a", "b"))
        near = {tuple(sorted(pair)) for pair in zip(*(end.tolist() for end in ends), strict=True)}
        recall = (len(near & expected) + equal) / len(expected)
        found.append({"clusters": number, "nearest": nearest, "recall": round(recall, 4), "seconds": round(seconds, 1)})
        print(found[-1], flush=True)
    content = {"command": command_line("semantic_recall"), "texts": len(texts), "planted": len(expected)}
    content |= {"threshold": THRESHOLD, "found": found}
    (RESULTS / "semantic_recall.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
