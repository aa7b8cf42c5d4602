"""Define the input of an operator: an Arrow record batch, and views derived from its text, computed once."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from dj_assets.models.store import ModelStore
from dj_assets.operators.deprecated import renamed

if TYPE_CHECKING:
    from dj_assets.media.access import MediaAccess

T = TypeVar("T")


class TextError(ValueError):
    """Refuse texts that do not fit a batch; the message is what was returned, and the fix."""


TEXT = "text"
FIELDS = "fields"
# The field of samples into which operators of Data-Juicer write tags and extracted values, each as a nested field.
META = "__dj__meta__"
# The field in which operators of Data-Juicer that make media files name the file that each was made of.
SOURCE_FILE = "__dj__source_file__"


@dataclass(frozen=True)
class Batch:
    """Hold the samples that a row stage passes from operator to operator.

    `rows` always has the column `text` (`pa.string()`, no nulls, valid UTF-8). Further columns (`id`, `row`, other
    fields) are carried along. Derived views (code points, words, pieces) are cached until a column changes, so that
    adjacent operators share them.

    Examples
    --------
    >>> batch = Batch.of_texts(["one", "two"])
    >>> len(batch), batch.text.to_pylist()
    (2, ['one', 'two'])
    >>> batch.select(pa.array([False, True])).text.to_pylist()
    ['two']
    >>> batch.derive("lengths", lambda: [len(text) for text in batch.text.to_pylist()])
    [3, 3]
    """

    rows: pa.RecordBatch
    models: ModelStore = field(default_factory=ModelStore)
    media_access: MediaAccess | None = None
    _derived: dict[Hashable, object] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def text(self) -> pa.StringArray:
        """Return the text of every sample, shape `(len(batch),)`."""
        return cast("pa.StringArray", self.rows.column(TEXT))

    @property
    def media(self) -> Any:  # noqa: ANN401 - the views import this module
        """Return the media of the batch, for custom operators of earlier versions; deprecated.

        `media(batch)` of `dj_assets.operators.views.media_batch` replaces it.
        """
        renamed("batch.media", "media(batch) of dj_assets.operators.views.media_batch")
        return importlib.import_module("dj_assets.operators.views.media_batch").media(self)

    def derive(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the view cached under `key`, computing it at the first call."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    def with_text(self, text: pa.StringArray) -> Batch:
        """Return a batch with another text; views derived from the old text are discarded.

        Raises
        ------
        TextError
            If `text` is no Arrow array of texts, has a null, or has another length than the batch: a mapper never
            drops or adds samples.
        """
        if text is self.text:
            return self
        return self._with(TEXT, _texts(text, len(self)))

    def with_column(self, name: str, values: pa.Array) -> Batch:
        """Return a batch with the column `name`, which is not the text, replaced; all derived views are discarded."""
        return self._with(name, values)

    def with_media(self, media_access: MediaAccess) -> Batch:
        """Return a batch with access to other media; all derived views are discarded."""
        return Batch(self.rows, self.models, media_access)

    def _with(self, name: str, values: pa.Array) -> Batch:
        index = self.rows.schema.get_field_index(name)
        return Batch(self.rows.set_column(index, name, values), self.models, self.media_access)

    def slice(self, offset: int, length: int) -> Batch:
        """Return `length` samples from `offset`, without derived views."""
        return Batch(self.rows.slice(offset, length), self.models, self.media_access)

    def take(self, indices: np.ndarray) -> Batch:
        """Return the samples with these indices, in their order, without derived views."""
        return Batch(self.rows.take(pa.array(indices)), self.models, self.media_access)

    def select(self, keep: pa.BooleanArray) -> Batch:
        """Return the samples where `keep` is true, without derived views."""
        return Batch(self.rows.filter(keep), self.models, self.media_access)

    @classmethod
    def of_texts(cls, texts: list[str], models: ModelStore | None = None) -> Batch:
        """Make a batch of texts without other fields, for tests, notebooks and single samples."""
        rows = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=[TEXT])
        return cls(rows, models or ModelStore())


def _texts(values: object, samples: int) -> pa.StringArray:
    """Return the texts of `samples` samples as `pa.string()`, checked."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        raise TextError(f"returned its texts as {type(values).__name__}; return pa.array(texts, pa.string())")
    if len(values) != samples:
        returned = f"{len(values)} text{'s' * (len(values) != 1)} for {samples} sample{'s' * (samples != 1)}"
        raise TextError(f"returned {returned}; return one text for each sample")
    if values.null_count:
        raise TextError("returned a null text; return a text for each sample, '' if it is empty")
    if not pa.types.is_string(values.type):
        if not (pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type) or not samples):
            raise TextError(f"returned texts of type {values.type}; return pa.array(texts, pa.string())")
        values = values.cast(pa.string())
    return values
