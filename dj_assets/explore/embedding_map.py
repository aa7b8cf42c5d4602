"""A map of a run: the embeddings that a deduplicator stored, seen from the two directions in which they differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.explore.axes import tally
from dj_assets.explore.samples import OTHERS, Codes, Mask, Samples
from dj_assets.home.layout import Layout

# Samples that are drawn, at equal distances over the whole run.
MOST_POINTS = 4000
# Groups with a colour of their own; the others share one.
_MOST_COLOURS = 9

Answer = dict[str, object]


@dataclass(frozen=True)
class Points:
    """Hold the drawn samples: their positions, their coordinates (0..1, shape `(n, 2)`), and what both axes explain."""

    positions: npt.NDArray[np.int64]
    coordinates: npt.NDArray[np.float64]
    explained: tuple[float, float]


def column_of_map(samples: Samples) -> str | None:
    """Return the column of the embeddings of the last deduplicator that stores some, None if there is none."""
    columns = [step.vector for step in samples.plan.deduplicators if step.vector]
    return columns[-1] if columns else None


def embedding_map(samples: Samples, layout: Layout, grouping: tuple[list[str], Codes], marks: Mask) -> Answer:
    """Return the drawn samples of a selection: position, both coordinates and the number of the group of each.

    The largest groups have their own number; `groups` has their names and their counts in the selection.
    """
    column = column_of_map(samples)
    if column is None:
        return {}
    points: Points = samples.cached(("map", column), lambda: _points(samples, layout, column))
    names, codes = grouping
    counts = tally(codes, len(names), marks)
    largest = [int(index) for index in np.argsort(-counts, kind="stable")[:_MOST_COLOURS] if counts[index]]
    colours = np.full(len(names), len(largest), np.int32)
    colours[largest] = np.arange(len(largest), dtype=np.int32)
    shown = marks[points.positions]
    positions = points.positions[shown]
    groups = [{"name": names[index], "count": int(counts[index])} for index in largest]
    rest = int(counts.sum() - counts[largest].sum())
    return {
        "positions": positions.tolist(),
        "points": points.coordinates[shown].round(4).tolist(),
        "colours": colours[codes[positions]].tolist(),
        "groups": [*groups, *([{"name": OTHERS, "count": rest}] if rest else [])],
        "explained": points.explained,
        "total": int(np.count_nonzero(marks)),
    }


def _points(samples: Samples, layout: Layout, column: str) -> Points:
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), MOST_POINTS)).astype(np.int64))
    positions, vectors = [np.empty(0, np.int64)], []
    for number in samples.files():
        part = samples.of_file(number)
        here = chosen[(chosen >= part.start) & (chosen < part.stop)]
        if len(here):
            found, read = _read(layout, number, column, samples.row[here])
            positions.append(here[found])
            vectors += [read] if len(read) else []
    if not vectors:
        return Points(positions[0], np.empty((0, 2)), (0.0, 0.0))
    coordinates, explained = principal(np.concatenate(vectors))
    return Points(np.concatenate(positions), coordinates, explained)


def _read(layout: Layout, number: int, column: str, rows: npt.NDArray[np.int64]) -> tuple[Mask, npt.NDArray[np.int16]]:
    """Return which of some rows of a file have an embedding, and their embeddings in order."""
    table = pq.read_table(layout.fetched("signatures", number), columns=["row", column])
    known = table["row"].to_numpy()
    order = np.argsort(known, kind="stable")
    places = np.minimum(np.searchsorted(known, rows, sorter=order), len(known) - 1)
    there = known[order[places]] == rows
    taken = table[column].take(pa.array(order[places][there])).combine_chunks()
    valid = taken.is_valid().to_numpy(zero_copy_only=False)
    found: Mask = there.copy()
    found[there] = valid
    flat = taken.drop_null().flatten().to_numpy()
    return found, flat.reshape(int(valid.sum()), -1)


def principal(vectors: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """Return coordinates along the first two principal components, each scaled to 0..1, and the shares of variance.

    The sign of a component is that of its largest weight, so that the map is the same each time.

    Parameters
    ----------
    vectors
        Shape `(n, d)`, n at least 1.
    """
    wide = vectors.astype(np.float64)
    wide -= wide.mean(axis=0)
    variances, axes = np.linalg.eigh(wide.T @ wide)
    first = axes[:, ::-1][:, :2]
    first = np.hstack([first, np.zeros((len(first), 2 - first.shape[1]))])
    signs = np.sign(first[np.abs(first).argmax(axis=0), np.arange(2)])
    seen = wide @ (first * np.where(signs == 0, 1, signs))
    low, span = seen.min(axis=0), np.ptp(seen, axis=0)
    scaled = np.divide(seen - low, span, out=np.full_like(seen, 0.5), where=span > 0)
    whole = max(float(variances.sum()), 1e-12)
    shares = [float(max(0.0, value)) / whole for value in variances[::-1][:2]] + [0.0, 0.0]
    return scaled, (round(shares[0], 4), round(shares[1], 4))
