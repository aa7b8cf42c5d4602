"""Groupings of the samples of a run: by file, outcome or operator, by a text statistic, by a field of the records."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.explore.samples import Codes, Samples
from dj_assets.explore.scans import Scan, Scans
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.views.sample_fields import field_values

FILE, OPERATOR, OUTCOME = "source file", "operator", "outcome"
FIELD = "field:"
_MOST_FIELDS = 40
_SAMPLED_RECORDS = 100
# A field is waited for this long, in seconds, before its progress is the answer.
_PATIENCE_S = 0.1


class PendingError(Exception):
    """Raised while an answer needs a field of all records that is still being read."""

    def __init__(self, scan: Scan) -> None:
        super().__init__("the field is being read")
        self.scan = scan


class Groupings:
    """The groupings of one run."""

    def __init__(self, samples: Samples, layout: Layout, manifest: RunManifest, scans: Scans) -> None:
        self._samples, self._layout, self._manifest, self._scans = samples, layout, manifest, scans

    def names(self) -> list[str]:
        """Return the names of all groupings."""
        texts = [name for name, column in self._samples.columns.items() if not column.is_numeric]
        return [FILE, OUTCOME, OPERATOR, *texts, *(f"{FIELD}{name}" for name in self._fields)]

    def of(self, name: str) -> tuple[list[str], Codes]:
        """Return the names of the groups and the index of the group of every sample.

        Raises
        ------
        PendingError
            If it is a field of the records that is still being read.
        UserError
            If there is no such grouping.
        """
        if name.startswith(FIELD):
            return self._field(name.removeprefix(FIELD))
        column = self._samples.columns.get(name)
        if column is not None and not column.is_numeric:
            return self._samples.names(name)
        if name == FILE:
            files = [self._manifest.file(number).name for number in self._samples.files()]
            return files, self._samples.file_codes()
        if name not in {OUTCOME, OPERATOR}:
            raise UserError(f"there is no grouping {name!r}; there are {', '.join(self.names())}")
        outcomes = self._samples.outcomes
        ends = [outcome.kind if name == OUTCOME else outcome.operator or outcome.kind for outcome in outcomes]
        names = list(dict.fromkeys(ends))
        return names, np.array([names.index(end) for end in ends], np.int32)[self._samples.code]

    def _field(self, name: str) -> tuple[list[str], Codes]:
        scan = self._scans.field(name)
        scan.wait(_PATIENCE_S)
        if not scan.finished:
            raise PendingError(scan)
        if scan.error:
            raise UserError(scan.error)
        ranked: tuple[list[str], Codes] = self._samples.cached(("field", name), scan.ranked)
        return ranked

    @cached_property
    def _fields(self) -> list[str]:
        """Return the names of fields of the first records whose values are single."""
        for number in self._samples.files()[:1]:
            path = self._layout.fetched("fields", number)
            if path.exists():
                with pq.ParquetFile(path) as file:
                    batch = next(file.iter_batches(_SAMPLED_RECORDS, columns=[FIELDS]), None)
                return _single_fields(batch)[:_MOST_FIELDS] if batch is not None else []
        return []


def _single_fields(batch: pa.RecordBatch) -> list[str]:
    """Return the fields of records that have a text or a number in any of them."""
    records = batch.column(FIELDS).to_pylist()
    parsed = [orjson.loads(record) if isinstance(record, str) else record for record in records]
    names = Counter(name for record in parsed if isinstance(record, dict) for name in record)
    values = {name: field_values(Batch(batch), name) for name in names}
    return [name for name, own in values.items() if any(isinstance(value, str | int | bool) for value in own)]
