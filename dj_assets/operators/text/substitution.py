"""What the mappers that replace matches of a pattern have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch


@cache
def compiled(pattern: str, flags: int) -> Any:  # noqa: ANN401 - regex has no types
    """Compile a pattern of the package `regex`."""
    import regex

    return regex.compile(pattern, flags)


def rewrite(batch: Batch, candidates: pa.BooleanArray, edit: Callable[[str], str]) -> Batch:
    """Return the batch with the candidates among its texts edited; the others are left as they are."""
    if not pc.any(candidates).as_py():
        return batch
    edited = [edit(text) for text in batch.text.filter(candidates).to_pylist()]
    return batch.with_text(pc.replace_with_mask(batch.text, candidates, pa.array(edited, pa.string())))


class SubstitutionMapper(Mapper):
    """A mapper that replaces every match of `pattern` by the template `repl`, as the package `regex` understands them.

    A pattern may be written as `r'...'`; the dot matches line feeds too. Subclasses give the default pattern and
    `trace`, an RE2 pattern found in every text that the default pattern can match.
    """

    default_pattern: ClassVar[str] = ""
    default_flags: ClassVar[int] = 0
    trace: ClassVar[str] = ""

    pattern: str | None = None
    repl: str = ""

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        import regex

        try:
            regex.compile(_bare(pattern or ""))
        except regex.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return pattern

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with every match replaced."""
        import regex

        if self.pattern is None:
            expression = compiled(self.default_pattern, self.default_flags | int(regex.DOTALL))
            candidates = pc.match_substring_regex(batch.text, self.trace)
        else:
            expression = compiled(_bare(self.pattern), int(regex.DOTALL))
            candidates = pa.array([True] * len(batch), pa.bool_())
        return rewrite(batch, candidates, lambda text: str(expression.sub(self.repl, text)))


def _bare(pattern: str) -> str:
    """Return a pattern without the quotes of a Python raw string around it."""
    quoted = len(pattern) > 2 and pattern.startswith(("r'", 'r"')) and pattern[-1] == pattern[1]
    return pattern[2:-1] if quoted else pattern
