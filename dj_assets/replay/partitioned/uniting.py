"""Edges between duplicates, found by parts of their signatures, and the clusters of these edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dj_assets.replay.ordered import distinct_sorted, indices_in
from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter, write_array
from dj_assets.replay.partitioned.job import Job
from dj_assets.replay.partitioned.stars import Run, contracted, distinct_edges, find_stars, send_edges


def unite(run: Run, job: Job, segment: int, near: Sequence[Path] | None) -> None:
    """Find the clusters of the samples whose signatures were sent, and send every duplicate to its file.

    `near` are the files of the near pairs that were sent, None if only equal signatures make duplicates.
    """
    parts = range(job.parts)
    run(_unite_equal, [(job, segment, part, near) for part in parts])
    edges = job.in_parts("equal", segment)
    if near is not None:
        run(_unite_near, [(job, segment, part) for part in parts])
        edges = edges + job.in_parts("near", segment)
    stars = find_stars(run, job.folder / f"stars-{segment}", edges, job.parts)
    run(_send_clusters, [(job, segment, part, stars) for part in parts])
    run(_name_kept_rows, [(job, segment, file) for file in range(len(job.signatures))])


def _unite_equal(job: Job, segment: int, part: int, near: Sequence[Path] | None) -> None:
    """Unite samples with equal signatures; send requests for the samples whose values are near."""
    got = gather(job.sent("signed", segment), part)
    # records are in the order of samples, so the first sample of a value is its smallest
    got = got[np.argsort(got["value"], kind="stable")]
    first = np.ones(len(got), bool)
    first[1:] = got["value"][1:] != got["value"][:-1]
    holders = got[first]
    held_first = holders["sample"][np.cumsum(first) - 1]
    edges = contracted(got["sample"][~first], held_first[~first])
    send_edges(job.in_parts("equal", segment)[part], edges, job.parts)
    if near is None:
        return
    write_array(job.in_parts("holders", segment)[part], holders)
    pairs = gather(near, part) if near else np.empty(0, [("a", np.uint64), ("b", np.uint64)])
    index = indices_in(holders["value"], pairs["a"])
    alive = index >= 0
    asked = records(value=pairs["b"][alive], sample=holders["sample"][index[alive]])
    scatter(job.in_parts("asked", segment)[part], asked, receiver_of(asked["value"], job.parts), job.parts)


def _unite_near(job: Job, segment: int, part: int) -> None:
    """Unite samples whose signatures are near, if both samples are alive."""
    holders = np.load(job.in_parts("holders", segment)[part])
    asked = gather(job.in_parts("asked", segment), part)
    index = indices_in(holders["value"], asked["value"])
    alive = index >= 0
    edges = contracted(asked["sample"][alive], holders["sample"][index[alive]])
    send_edges(job.in_parts("near", segment)[part], edges, job.parts)


def _send_clusters(job: Job, segment: int, part: int, stars: Sequence[Path]) -> None:
    """Send every duplicate, with the size of its cluster, to the file of the sample that is kept."""
    got = gather(stars, part)
    got = got[got["node"] < got["neighbour"]]
    kept_duplicate, sample = distinct_edges(got["node"], got["neighbour"])
    begins = np.flatnonzero(np.concatenate(([True], kept_duplicate[1:] != kept_duplicate[:-1]))[: len(kept_duplicate)])
    others = np.diff(np.append(begins, len(kept_duplicate)))
    size = np.repeat(others + 1, others).astype(np.int32)
    files = len(job.signatures)
    clusters = records(sample=sample, kept_duplicate=kept_duplicate, size=size)
    scatter(job.in_parts("clusters", segment)[part], clusters, job.file_of(kept_duplicate), files)


def _name_kept_rows(job: Job, segment: int, file: int) -> None:
    """Add the row of the kept duplicate to each duplicate whose kept one is in this file; send it to its own file."""
    got = gather(job.in_parts("clusters", segment), file)
    rows = pq.read_table(job.signatures[file], columns=["row"])["row"].to_numpy()
    duplicates = records(
        sample=got["sample"],
        kept_duplicate=got["kept_duplicate"],
        size=got["size"],
        kept_row=rows[got["kept_duplicate"] - job.starts[file]].astype(np.int64),
    )
    write_array(job.sent("kept_duplicates", segment)[file], distinct_sorted(_of_own(job, got)["kept_duplicate"].copy()))
    scatter(job.sent("duplicates", segment)[file], duplicates, job.file_of(got["sample"]), len(job.signatures))


def _of_own(job: Job, clusters: np.ndarray) -> np.ndarray:
    """Return the clusters' samples that are not in the reference set: only these are dropped."""
    dropped: np.ndarray = clusters[clusters["sample"] >= job.references]
    return dropped
