"""Replace matches of regular expressions."""

from __future__ import annotations

import re
from functools import cache
from typing import Self

import pyarrow as pa
from pydantic import model_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import bare
from dj_assets.operators.registry import register


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(bare(pattern), re.DOTALL)


@register("replace_content_mapper")
class ReplaceContentMapper(Mapper):
    """Replace every match of `pattern` by the template `repl`, in the syntax of Python's `re`.

    Both may be lists: the patterns are applied in their order, each with the template at its index. The dot matches
    line feeds, too. A pattern may be written as `r'...'`. Without a pattern, texts stay as they are.
    """

    pattern: str | tuple[str, ...] | None = None
    repl: str | tuple[str, ...] = ""

    @model_validator(mode="after")
    def _pairs_compile(self) -> Self:
        patterns = self._patterns
        if not isinstance(self.repl, str) and len(self.repl) < len(patterns):
            raise ValueError(f"repl has {len(self.repl)} templates for {len(patterns)} patterns")
        for pattern, template in self._pairs:
            try:
                _compiled(pattern).sub(template, "")
            except (re.error, IndexError) as error:
                raise ValueError(f"{pattern!r} with {template!r} is no substitution: {error}") from None
        return self

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with every match replaced."""
        if not self._patterns:
            return batch
        return batch.with_text(pa.array([self._replaced(text) for text in batch.text.to_pylist()], pa.string()))

    @property
    def _patterns(self) -> tuple[str, ...]:
        return (self.pattern,) if isinstance(self.pattern, str) else self.pattern or ()

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        patterns = self._patterns
        templates = (self.repl,) * len(patterns) if isinstance(self.repl, str) else self.repl
        return list(zip(patterns, templates, strict=False))

    def _replaced(self, text: str) -> str:
        for pattern, template in self._pairs:
            text = _compiled(pattern).sub(template, text)
        return text
