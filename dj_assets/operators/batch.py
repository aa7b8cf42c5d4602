"""What an operator sees: an Arrow record batch, and everything derived from its text, computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import pyarrow as pa

from dj_assets.models.store import ModelStore

if TYPE_CHECKING:
    from dj_assets.operators.media_batch import MediaBatch, Viewing

T = TypeVar("T")
TEXT = "text"
FIELDS = "fields"


@dataclass(frozen=True)
class Batch:
    """Samples on their way through a row stage.

    `rows` always has the column `text` (`pa.string()`, no nulls, valid UTF-8); further columns (`id`, `row`, untouched
    fields) travel with it. Derived views (code points, words, pieces) are remembered until the text changes, so that
    operators that follow each other share them.

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
    viewing: Viewing | None = None
    _derived: dict[Hashable, object] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def text(self) -> pa.StringArray:
        """The text of every sample, shape `(len(batch),)`."""
        return cast("pa.StringArray", self.rows.column(TEXT))

    @property
    def media(self) -> MediaBatch:
        """The images and clips of every sample.

        Raises
        ------
        ValueError
            If the batch was made without a `viewing`, that is for a recipe that looks at none.
        """
        from dj_assets.operators.media_batch import MediaBatch

        if self.viewing is None:
            raise ValueError("this batch does not know where its media lie")
        return MediaBatch(self, self.viewing)

    def derive(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the view remembered under `key`, computing it at the first call."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    def with_text(self, text: pa.StringArray) -> Batch:
        """Return a batch with another text; what was derived from the old one is forgotten.

        Raises
        ------
        ValueError
            If `text` has another length than the batch: a mapper never drops or adds samples.
        """
        if len(text) != len(self):
            raise ValueError(f"a mapper returned {len(text)} texts for {len(self)} samples")
        return self if text is self.text else self._with(TEXT, text, {})

    def with_column(self, name: str, values: pa.Array) -> Batch:
        """Return a batch with another column in the place of `name`, which is not the text."""
        return self._with(name, values, self._derived)

    def _with(self, name: str, values: pa.Array, derived: dict[Hashable, object]) -> Batch:
        index = self.rows.schema.get_field_index(name)
        return Batch(self.rows.set_column(index, name, values), self.models, self.viewing, derived)

    def slice(self, offset: int, length: int) -> Batch:
        """Return `length` samples from `offset`, with nothing derived yet."""
        return Batch(self.rows.slice(offset, length), self.models, self.viewing)

    def select(self, keep: pa.BooleanArray) -> Batch:
        """Return the samples where `keep` is true, with nothing derived yet."""
        return Batch(self.rows.filter(keep), self.models, self.viewing)

    @classmethod
    def of_texts(cls, texts: list[str], models: ModelStore | None = None) -> Batch:
        """Make a batch of bare texts: for tests, notebooks and the sample boundary."""
        rows = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=[TEXT])
        return cls(rows, models or ModelStore())
