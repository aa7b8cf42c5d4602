"""Define the input of an operator: an Arrow record batch, and views derived from its text, computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import pyarrow as pa

from dj_assets.models.store import ModelStore

if TYPE_CHECKING:
    from dj_assets.media.access import MediaAccess

T = TypeVar("T")
TEXT = "text"
FIELDS = "fields"


@dataclass(frozen=True)
class Batch:
    """Hold the samples that a row stage passes from operator to operator.

    `rows` always has the column `text` (`pa.string()`, no nulls, valid UTF-8). Further columns (`id`, `row`, unchanged
    fields) are carried along. Derived views (code points, words, pieces) are cached until the text changes, so that
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

    def derive(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the view cached under `key`, computing it at the first call."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    def with_text(self, text: pa.StringArray) -> Batch:
        """Return a batch with another text; views derived from the old text are discarded.

        Raises
        ------
        ValueError
            If `text` has another length than the batch: a mapper never drops or adds samples.
        """
        if len(text) != len(self):
            raise ValueError(f"a mapper returned {len(text)} texts for {len(self)} samples")
        return self if text is self.text else self._with(TEXT, text, {})

    def with_column(self, name: str, values: pa.Array) -> Batch:
        """Return a batch with the column `name`, which is not the text, replaced."""
        return self._with(name, values, self._derived)

    def _with(self, name: str, values: pa.Array, derived: dict[Hashable, object]) -> Batch:
        index = self.rows.schema.get_field_index(name)
        return Batch(self.rows.set_column(index, name, values), self.models, self.media_access, derived)

    def slice(self, offset: int, length: int) -> Batch:
        """Return `length` samples from `offset`, without derived views."""
        return Batch(self.rows.slice(offset, length), self.models, self.media_access)

    def select(self, keep: pa.BooleanArray) -> Batch:
        """Return the samples where `keep` is true, without derived views."""
        return Batch(self.rows.filter(keep), self.models, self.media_access)

    @classmethod
    def of_texts(cls, texts: list[str], models: ModelStore | None = None) -> Batch:
        """Make a batch of texts without other fields, for tests, notebooks and single samples."""
        rows = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=[TEXT])
        return cls(rows, models or ModelStore())
