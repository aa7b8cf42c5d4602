"""Batches of the samples that expanders and aggregators make, with the fields of the samples they are made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dj_assets.measure.own_keys import seen_by
from dj_assets.operators import contract
from dj_assets.operators.base import Aggregator, Expander
from dj_assets.operators.batch import FIELDS, TEXT, Batch
from dj_assets.operators.views.group_members import MEMBERS, members_of, without_members
from dj_assets.recipe.plan import ALL_READ, MembersRead
from dj_assets.sources.other_texts import put_texts
from dj_assets.sources.written_fields import converted, put_fields


def expanded(operator: Expander, batch: Batch) -> Batch:
    """Return the children of all samples of a batch, in order."""
    return children_of(operator, batch, contract.expanded(operator, seen_by(operator, batch)))[0]


def aggregated(
    operator: Aggregator, batch: Batch, read: MembersRead = ALL_READ, written: dict[str, pa.DataType] | None = None
) -> Batch:
    """Return groups with the text that an aggregator makes of the texts of their members.

    After the last aggregator of a group, only the ids of the members stay. The names and types of the fields that
    change are added to `written`.
    """
    ids, texts = members_of(batch, read.number)
    text, columns = _texts_and_fields(contract.aggregated(operator, texts, batch.models))
    columns = {**columns, MEMBERS: ids} if read.last else columns
    if written is not None:
        written.update({name: column.type for name, column in columns.items()})
    return batch.with_text(text).with_column(FIELDS, put_fields(batch.rows.column(FIELDS), columns))


def children_of(operator: Expander, batch: Batch, lists: pa.ListArray) -> tuple[Batch, np.ndarray]:
    """Return copies of the samples with the values that make children of them, and the index of the parent of each.

    The values are texts, or structs of several fields.
    """
    parents = lists.value_parent_indices().to_numpy().astype(np.int64)
    # copies of long texts and of many members, for each chunk, could fill the memory
    parent_texts = batch if operator.text_key else batch.with_text(pa.repeat(pa.scalar("", pa.string()), len(batch)))
    copies = without_members(parent_texts).take(parents)
    texts, columns = _texts_and_fields(lists.flatten())
    if columns and FIELDS in copies.rows.schema.names:
        copies = copies.with_column(FIELDS, put_fields(copies.rows.column(FIELDS), columns))
    if operator.text_key is None:
        return copies.with_text(texts), parents
    return copies.with_column(FIELDS, put_texts(copies.rows.column(FIELDS), operator.text_key, texts)), parents


def _texts_and_fields(samples: pa.Array) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    """Return the texts and the other fields of samples that an operator made: texts, or structs of several fields."""
    if not pa.types.is_struct(samples.type):
        return samples, {}
    columns = {field.name: column for field, column in zip(samples.type, samples.flatten(), strict=True)}
    return columns.pop(TEXT), columns


def with_fields_of(children: Batch, parents: Batch) -> Batch:
    """Return parents with the columns of their children, so that both fit into one batch; new ones are null."""
    if FIELDS not in children.rows.schema.names:
        return parents
    fields = parents.rows.column(FIELDS)
    return parents.with_column(FIELDS, converted(fields, children.rows.schema.field(FIELDS).type))
