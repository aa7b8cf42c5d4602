"""MinHash deduplication with datatrove, its four stages on this machine: FOLDER OUTPUT BANDS ROWS WORKERS.

It runs in the environment of datatrove. Each file of the folder is one task, as datatrove divides its work.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter


def main(source: str, target: str, bands: int, rows: int, workers: int) -> None:
    """Write the documents that are the first of their cluster to `target`/kept."""
    config = MinhashConfig(n_grams=5, num_buckets=bands, hashes_per_bucket=rows)
    files = len(list(Path(source).iterdir()))
    signatures, buckets, removed = (f"{target}/{name}" for name in ("signatures", "buckets", "removed"))
    stages = (
        (files, [JsonlReader(source), MinhashDedupSignature(signatures, config)]),
        (bands, [MinhashDedupBuckets(signatures, buckets, config=config)]),
        (1, [MinhashDedupCluster(buckets, removed, config=config)]),
        (
            files,
            [JsonlReader(source), MinhashDedupFilter(removed), JsonlWriter(f"{target}/kept", compression=None)],
        ),
    )
    for number, (tasks, pipeline) in enumerate(stages):
        logs = f"{target}/logs/{number}"
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=workers, logging_dir=logs).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
