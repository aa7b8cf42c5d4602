"""Passes over the measured texts or fields of a run, in a thread: with progress, and results that appear on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dj_assets.errors import DjError
from dj_assets.explore.samples import Codes, Mask, Samples, ranked
from dj_assets.home.layout import Layout
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.views.sample_fields import field_values

# Finished passes that are kept, by what they looked for.
_REMEMBERED = 4
_PIECE_ROWS = 20_000
_FAILURES = (DjError, OSError, pa.ArrowException, ValueError)

Piece = tuple[npt.NDArray[np.int64], pa.RecordBatch]


class Scan:
    """One pass. `done` of `total` samples are read; `found` counts those that have what is looked for."""

    def __init__(self, total: int, pieces: Callable[[], Iterator[Piece]]) -> None:
        self.total, self.done, self.found = total, 0, 0
        self.error = ""
        self._pieces = pieces
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def finished(self) -> bool:
        """Return whether the pass has ended, also by a fault or because it was cancelled."""
        return self._thread.ident is not None and not self._thread.is_alive()

    @property
    def complete(self) -> bool:
        """Return whether every sample was read."""
        return self.finished and not self.error and not self._stop.is_set()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def cancel(self) -> None:
        """End the pass after the piece that is being read; what was found stays."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until the pass has ended, at most some seconds."""
        self._thread.join(seconds)

    def take(self, positions: npt.NDArray[np.int64], piece: pa.RecordBatch) -> None:
        """Use one piece: samples at some positions, with their column."""
        raise NotImplementedError

    def _run(self) -> None:
        try:
            for positions, piece in self._pieces():
                if self._stop.is_set():
                    return
                self.take(positions, piece)
                self.done += len(positions)
        except _FAILURES as error:
            self.error = str(error)


class TextScan(Scan):
    """A search for a part of the cleaned texts, in upper or lower case."""

    def __init__(self, samples: Samples, layout: Layout, needle: str) -> None:
        super().__init__(len(samples), lambda: _pieces(samples, layout, "cleaned", "text"))
        self._needle = needle
        self.marks: Mask = np.zeros(len(samples), bool)

    def take(self, positions: npt.NDArray[np.int64], piece: pa.RecordBatch) -> None:
        """Mark the samples whose text has the needle."""
        hits = pc.match_substring(piece.column("text"), self._needle, ignore_case=not _has_capital(self._needle))
        marks = hits.fill_null(False).to_numpy(zero_copy_only=False)
        self.marks[positions[marks]] = True
        self.found += int(np.count_nonzero(marks))


class FieldScan(Scan):
    """The values of one field of the records, as texts."""

    def __init__(self, samples: Samples, layout: Layout, field: str) -> None:
        super().__init__(len(samples), lambda: _pieces(samples, layout, "fields", FIELDS))
        self._field = field
        self._values = np.full(len(samples), None, object)

    def take(self, positions: npt.NDArray[np.int64], piece: pa.RecordBatch) -> None:
        """Keep the values of some samples."""
        values = field_values(Batch(piece), self._field)
        self._values[positions] = [None if value is None else str(value)[:100] for value in values]
        self.found += sum(value is not None for value in values)

    def ranked(self) -> tuple[list[str], Codes]:
        """Return the values, the most frequent first, and the index of the value of every sample."""
        return ranked(pa.chunked_array([pa.array(self._values, pa.string())]))


Started = TypeVar("Started", bound=Scan)


class Scans:
    """The passes of one run; a new search ends those that are under way."""

    def __init__(self, samples: Samples, layout: Layout) -> None:
        self._samples, self._layout = samples, layout
        self._texts: dict[str, TextScan] = {}
        self._fields: dict[str, FieldScan] = {}
        self._starting = threading.Lock()

    def text(self, needle: str) -> TextScan:
        """Return the search for a text; it begins now if it is new. One that was stopped stays stopped."""
        with self._starting:
            return _started(self._texts, needle, lambda: TextScan(self._samples, self._layout, needle))

    def text_again(self, needle: str) -> TextScan:
        """Return the search for a text; it begins again if it was stopped."""
        with self._starting:
            known = self._texts.get(needle)
            if known is not None and known.finished and not known.complete:
                del self._texts[needle]
        return self.text(needle)

    def field(self, name: str) -> FieldScan:
        """Return the reading of a field; it begins now if it is new."""
        with self._starting:
            return _started(self._fields, name, lambda: FieldScan(self._samples, self._layout, name))

    def cancel(self) -> None:
        """End all passes."""
        for scan in (*self._texts.values(), *self._fields.values()):
            scan.cancel()


def _started(known: dict[str, Started], key: str, make: Callable[[], Started]) -> Started:
    scan = known.get(key)
    if scan is not None and not scan.error:
        return scan
    for other in known.values():
        other.cancel()
    for old in [old for old in known if not known[old].complete or old == key]:
        del known[old]
    while len(known) >= _REMEMBERED:
        del known[next(iter(known))]
    known[key] = make()
    known[key].start()
    return known[key]


def _pieces(samples: Samples, layout: Layout, kind: str, column: str) -> Iterator[Piece]:
    """Yield the positions and the column of the samples of every file, some thousand at a time."""
    for number in samples.files():
        path = layout.fetched(kind, number)
        if not path.exists():
            continue
        own = samples.of_file(number)
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_PIECE_ROWS, columns=["row", column]):
                rows = batch.column("row").to_numpy()
                at = np.minimum(np.searchsorted(samples.row[own], rows), max(0, own.stop - own.start - 1))
                # a child that was never created has a text, and no place among the samples
                there = samples.row[own][at] == rows
                yield own.start + at[there], batch.filter(pa.array(there))


def _has_capital(text: str) -> bool:
    return text != text.lower()
