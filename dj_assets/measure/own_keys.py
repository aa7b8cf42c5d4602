"""The batch as one operator reads and rewrites it: it may name fields of its own for the text and the media."""

from __future__ import annotations

from collections.abc import Callable

from dj_assets.operators import contract
from dj_assets.operators.base import Mapper, Operator
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.sources.other_texts import put_texts, texts_at


def seen_by(operator: Operator, batch: Batch) -> Batch:
    """Return the batch as an operator reads it: with the text and the media under its own keys, if it has some."""
    if isinstance(operator, MediaOperator):
        batch = operator.read_from(batch)
    if operator.text_key is None:
        return batch
    return batch.with_text(texts_at(batch.rows.column(FIELDS), operator.text_key))


def rewriting(operator: Mapper, rewrite: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    """Return the function by which a mapper rewrites a batch: its text, or the text under the mapper's own key."""
    key = operator.text_key
    if key is None:
        return lambda batch: contract.rewritten(operator, batch, rewrite)

    def apply(batch: Batch) -> Batch:
        texts = contract.rewritten(operator, seen_by(operator, batch), rewrite).text
        return batch.with_column(FIELDS, put_texts(batch.rows.column(FIELDS), key, texts))

    return apply
