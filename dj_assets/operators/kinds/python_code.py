"""Rewrite texts by Python code of a recipe, for the mappers that run such code."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from dj_assets.errors import SampleError
from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.sample_fields import records

Sample = dict[str, Any]
Function = Callable[[Sample], object]


class CodeMapper(Mapper):
    """Rewrite the text by a function of one argument: the sample as a dict, which it returns with another text.

    With `batched`, the function gets and returns a list for each key. A run needs the permission to run code.
    """

    batched: bool = False

    @abstractmethod
    def problem(self) -> str | None:
        """Return why the code cannot run, None if it can; runs nothing of it."""

    @abstractmethod
    def function(self) -> Function | None:
        """Return the function, None for no change."""

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with the texts that the function returns."""
        function = self.function()
        if function is None:
            return batch
        samples = zip(batch.text.to_pylist(), records(batch), strict=True)
        texts = [self._rewritten(function, {**fields, self.text_name: text}) for text, fields in samples]
        return batch.with_text(pa.array(texts, pa.string()))

    def _rewritten(self, function: Function, sample: Sample) -> str:
        before = copy.deepcopy(sample)
        given = {key: [value] for key, value in sample.items()} if self.batched else sample
        returned = function(given)
        if not isinstance(returned, dict):
            raise SampleError(f"the function returned {type(returned).__name__}, not a dict")
        after = {key: _only(values) for key, values in returned.items()} if self.batched else returned
        text = after.get(self.text_name)
        if not isinstance(text, str):
            raise SampleError(f"the function returned no text under {self.text_name!r}")
        changed = sorted(
            key for key in {**before, **after} if key != self.text_name and before.get(key) != after.get(key)
        )
        if changed:
            raise SampleError(f"the function changed {changed[0]!r}, but only the text can be rewritten")
        return text


def _only(values: object) -> object:
    if not isinstance(values, list) or len(values) != 1:
        raise SampleError("the function returned no list of one value for a batch of one sample")
    return values[0]
