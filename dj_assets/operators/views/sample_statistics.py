"""The statistics that earlier operators measured, for operators that read them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.batch import Batch
from dj_assets.operators.views.sample_fields import field_values

# The field in which Data-Juicer keeps statistics; also the column in which a batch carries those that are read.
STATISTICS = "__dj__stats__"


def with_statistics(batch: Batch, statistics: Mapping[str, pa.Array]) -> Batch:
    """Return the batch with statistics of earlier operators, by their keys, each as long as the batch."""
    if not statistics:
        return batch
    struct = pa.StructArray.from_arrays([*statistics.values()], names=[*statistics])
    return Batch(batch.rows.append_column(STATISTICS, struct), batch.models, batch.media_access)


def without_statistics(batch: Batch) -> Batch:
    """Return the batch without the statistics that it carries."""
    names = [name for name in batch.rows.schema.names if name != STATISTICS]
    return Batch(batch.rows.select(names), batch.models, batch.media_access)


def statistic_values(batch: Batch, key: str) -> list[object]:
    """Return the statistic of every sample under a key: as measured in this run, else as the record holds it."""
    rows = batch.rows
    if STATISTICS in rows.schema.names and rows.schema.field(STATISTICS).type.get_field_index(key) >= 0:
        values: list[object] = pc.struct_field(rows.column(STATISTICS), key).to_pylist()
        return values
    return field_values(batch, f"{STATISTICS}.{key}")
