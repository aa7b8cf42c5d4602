"""The members of a group, in the fields of the sample that an aggregator makes of them."""

from __future__ import annotations

from collections.abc import Sequence
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


def text_name(number: int) -> str:
    """Return the name of the n-th texts of members, from 0: several aggregators may read several fields.

    Examples
    --------
    >>> text_name(0), text_name(1)
    ('text', 'text_2')
    """
    return TEXT if number == 0 else f"{TEXT}_{number + 1}"


def member_type(texts: int) -> pa.StructType:
    """Return the type of a member with several texts."""
    return pa.struct([(ID, pa.string()), *((text_name(number), pa.string()) for number in range(texts))])


def alone(texts: Sequence[str | None]) -> pa.StructArray:
    """Return the fields of groups, each with one of the texts as its only member."""
    members = [{MEMBERS: [{ID: str(row), TEXT: text}]} for row, text in enumerate(texts)]
    return pa.array(members, pa.struct([(MEMBERS, pa.list_(MEMBER))]))


def without_members(batch: Batch) -> Batch:
    """Return the batch with null in place of the members of aggregates; other batches as they are."""
    fields = batch.rows.column(FIELDS) if FIELDS in batch.rows.schema.names else pa.nulls(0)
    names = [field.name for field in fields.type] if pa.types.is_struct(fields.type) else []
    if MEMBERS not in names:
        return batch
    columns = fields.flatten()
    columns[names.index(MEMBERS)] = pa.nulls(len(batch), fields.type.field(MEMBERS).type)
    return batch.with_column(FIELDS, pa.StructArray.from_arrays(columns, fields=[*fields.type]))


def members_of(batch: Batch, number: int = 0) -> tuple[pa.ListArray, pa.ListArray]:
    """Return the ids and the n-th texts of the members of every group, in their order."""
    fields = batch.rows.column(FIELDS)
    lists = pc.struct_field(fields, MEMBERS)
    counts = pc.list_value_length(lists)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts).cast(pa.int32())])
    members = lists.flatten()
    ids, texts = (pa.ListArray.from_arrays(offsets, pc.struct_field(members, name)) for name in (ID, text_name(number)))
    return cast("pa.ListArray", ids), cast("pa.ListArray", texts)
