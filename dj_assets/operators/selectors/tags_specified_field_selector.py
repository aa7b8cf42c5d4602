"""Select the samples whose field has one of several values."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.conditions import as_text
from dj_assets.operators.kinds.field_selector import FieldSelector
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql, bound


@register("tags_specified_field_selector")
class TagsSpecifiedFieldSelector(FieldSelector):
    """Keep the samples whose field `field_key` has one of the values `target_tags`."""

    judging: ClassVar[frozenset[str]] = frozenset({"target_tags"})
    value_type: ClassVar[pa.DataType] = pa.string()

    target_tags: tuple[str, ...] | None = None

    def value_of(self, value: object) -> object:
        """Return the value as text."""
        return as_text(value)

    def query(self, samples: int) -> Sql | None:  # noqa: ARG002
        """Return the query of the samples with one of the values; without values, none is selected."""
        if self.target_tags is None:
            return None
        tags = bound([as_text(tag) for tag in self.target_tags] or [""])
        return Sql.of("SELECT sample FROM samples WHERE value::VARCHAR IN ({tags})", tags=tags)

    @property
    def reason(self) -> str:
        """Return the values that are kept."""
        return f"{self.field_key} is none of {', '.join(self.target_tags or ())}"
