"""The batch as one operator reads and rewrites it: it may name fields of its own for the text and the media."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dj_assets.operators import contract
from dj_assets.operators.base import FieldMapper, Mapper, Operator, RecordMapper
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.sources.other_texts import put_texts, texts_at
from dj_assets.sources.written_fields import edit_fields, put_fields


def seen_by(operator: Operator, batch: Batch) -> Batch:
    """Return the batch as an operator reads it: with the text and the media under its own keys, if it has some."""
    if isinstance(operator, MediaOperator):
        batch = operator.read_from(batch)
    if operator.text_key is None or not operator.reads_text:
        return batch
    return batch.with_text(texts_at(batch.rows.column(FIELDS), operator.text_key))


def rewriting(operator: Mapper, rewrite: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    """Return the function by which a mapper rewrites a batch: its text, that under its own key, or other fields."""
    if isinstance(operator, FieldMapper):
        return partial(_with_fields, operator)
    apply = _rewriting_text(operator, rewrite)
    return partial(_with_edited, operator, apply) if isinstance(operator, RecordMapper) else apply


def _rewriting_text(operator: Mapper, rewrite: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    key = operator.text_key
    if key is None and _over_media(operator):
        return lambda batch: batch.with_text(contract.rewritten(operator, seen_by(operator, batch), rewrite).text)
    if key is None:
        return lambda batch: contract.rewritten(operator, batch, rewrite)

    def apply(batch: Batch) -> Batch:
        texts = contract.rewritten(operator, seen_by(operator, batch), rewrite).text
        return batch.with_column(FIELDS, put_texts(batch.rows.column(FIELDS), key, texts))

    return apply


def _with_fields(operator: FieldMapper, batch: Batch) -> Batch:
    seen = seen_by(operator, batch)
    columns = contract.extracted(operator, seen)
    text = contract.rewritten(operator, seen, operator.apply).text
    fields = batch.rows.column(FIELDS)
    if operator.text_key is None:
        batch = batch.with_text(text)
    elif text is not seen.text:
        fields = put_texts(fields, operator.text_key, text)
    return batch.with_column(FIELDS, put_fields(fields, columns))


def _with_edited(operator: RecordMapper, apply: Callable[[Batch], Batch], batch: Batch) -> Batch:
    edited = apply(batch)
    if FIELDS not in edited.rows.schema.names:
        return edited
    return edited.with_column(FIELDS, edit_fields(edited.rows.column(FIELDS), operator.edit))


def _over_media(operator: Operator) -> bool:
    return isinstance(operator, MediaOperator)
