"""The members of a group, in the fields of the sample that an aggregator makes of them."""

from __future__ import annotations

from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.batch import FIELDS, TEXT, Batch

# The field of an aggregate with its members: before the aggregator structs of id and text, afterwards the ids.
MEMBERS = "__dj_members__"
# The field of an aggregate with the value by which its members were grouped.
GROUP = "__dj_group__"
ID = "id"
MEMBER = pa.struct([(ID, pa.string()), (TEXT, pa.string())])


def members_of(batch: Batch) -> tuple[pa.ListArray, pa.ListArray]:
    """Return the ids and the texts of the members of every group, in their order."""
    fields = batch.rows.column(FIELDS)
    lists = pc.struct_field(fields, MEMBERS)
    counts = pc.list_value_length(lists)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts).cast(pa.int32())])
    members = lists.flatten()
    ids, texts = (pa.ListArray.from_arrays(offsets, pc.struct_field(members, name)) for name in (ID, TEXT))
    return cast("pa.ListArray", ids), cast("pa.ListArray", texts)
