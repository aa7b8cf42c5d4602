"""Near pairs of all samples' signatures, found part by part; path and format are those of the search on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dj_assets.home.layout import Layout
from dj_assets.home.writing import replace_atomically
from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.plan import Step
from dj_assets.replay.near_pairs import is_stored, near_pairs_key, searched_pairs, store
from dj_assets.replay.ordered import distinct_sorted
from dj_assets.replay.partitioned.exchange import gather, receiver_of, records, scatter
from dj_assets.replay.partitioned.job import Job, deduplicator, signed
from dj_assets.replay.partitioned.stars import Run

if TYPE_CHECKING:
    from dj_assets.kernels.hamming import Search

# Number of signatures that are searched at once.
_AT_ONCE = 1 << 22


def send_near_pairs(run: Run, job: Job, layout: Layout, step: Step, measured: str) -> tuple[list[Path], int]:
    """Send the near pairs of a deduplicator to the parts of their first values; return files and number of pairs.

    The pairs are searched only if they are not stored for the same samples already.
    """
    path, key = layout.near_pairs(step.signature), near_pairs_key(step, deduplicator(step), measured)
    if not is_stored(path, key):
        find = _ask if type(deduplicator(step)).near_pairs is not Deduplicator.near_pairs else _find
        find(run, job, step, path, key)
    metadata = pq.read_metadata(path)
    sent = [job.folder / f"pairs-{step.index}" / str(group) for group in range(metadata.num_row_groups)]
    run(_send, [(path, group, to, job.parts) for group, to in enumerate(sent)])
    return sent, metadata.num_rows


def _send(path: Path, group: int, to: Path, parts: int) -> None:
    pairs = pq.ParquetFile(path).read_row_group(group, columns=["a", "b"])
    a, b = (pairs[name].to_numpy() for name in ("a", "b"))
    scatter(to, records(a=a, b=b), receiver_of(a, parts), parts)


def _ask(run: Run, job: Job, step: Step, path: Path, key: bytes) -> None:
    """Find the pairs by a deduplicator with a search of its own, in one piece."""
    run(_ask_for_all, [(job, step.index, path, key)])


def _ask_for_all(job: Job, index: int, path: Path, key: bytes) -> None:
    step = job.plan.steps[index]
    store(path, searched_pairs(step, deduplicator(step), job.signatures), key)


def _find(run: Run, job: Job, step: Step, path: Path, key: bytes) -> None:
    from dj_assets.kernels.hamming import Search

    search = Search.of(job.starts[-1], deduplicator(step).within, _AT_ONCE)
    folder = job.folder / f"search-{step.index}"
    values = [folder / "values" / str(file) for file in range(len(job.signatures))]
    pairs = [folder / "pairs" / str(part) for part in range(len(search.parts))]
    ordered = [folder / "ordered" / f"{n}.parquet" for n in range(1 << search.bits)]
    run(_send_values, [(file, step.signature, to, search) for file, to in zip(job.signatures, values, strict=True)])
    run(_search, [(values, part, to, search) for part, to in enumerate(pairs)])
    run(_order, [(pairs, n, to) for n, to in enumerate(ordered)])
    run(_join, [(ordered, path, key)])


def _send_values(file: Path, column: str, to: Path, search: Search) -> None:
    """Send every value to all parts in which it may have near values."""
    values = distinct_sorted(signed(file, column)[0].copy())
    firsts = range(len(search.parts) >> search.bits)
    starts = [search.starts(values, first).astype(np.int64) + (first << search.bits) for first in firsts]
    receivers = np.concatenate([np.empty(0, np.int64), *starts])
    scatter(to, np.tile(values, len(firsts)), receivers, len(search.parts))


def _search(senders: Sequence[Path], part: int, to: Path, search: Search) -> None:
    a, b = search.pairs(distinct_sorted(gather(senders, part)), search.parts[part][0])
    low, high = np.minimum(a, b), np.maximum(a, b)
    # each receiver gets one range of the sorted pairs
    stretch = low >> np.uint64(64 - search.bits) if search.bits else np.zeros(len(low), np.uint64)
    scatter(to, records(a=low, b=high), stretch.astype(np.int64), 1 << search.bits)


def _order(senders: Sequence[Path], stretch: int, to: Path) -> None:
    from dj_assets.kernels.hamming import sorted_pairs

    got = gather(senders, stretch)
    a, b, distance = sorted_pairs(iter([(got["a"], got["b"])]))
    with replace_atomically(to) as temporary:
        pq.write_table(pa.table({"a": pa.array(a), "b": pa.array(b), "distance": pa.array(distance)}), temporary)


def _join(ordered: Sequence[Path], path: Path, key: bytes) -> None:
    store(path, ds.dataset([str(path_) for path_ in ordered]), key)
