"""Find the tools that an agent used most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, cast

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values


@register("agent_tool_type_mapper")
class AgentToolTypeMapper(FieldMapper):
    """Write the tool that occurs most often in a list of tools, and the `top_k_dominant` most frequent ones.

    The list is the field `tool_types_meta_key` of `__dj__meta__`, and so are the written fields. Blank names do not
    count. Of equally frequent tools, the one that occurs first comes first. Without a list there is no primary tool.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = cast(
        "Mapping[str, pa.DataType]",
        ByParameters(
            lambda operator: {
                f"{META}.{operator.primary_key}": pa.string(),
                f"{META}.{operator.dominant_key}": pa.list_(pa.string()),
            }
        ),
    )

    tool_types_meta_key: str = Field("agent_tool_types", min_length=1)
    primary_key: str = Field("primary_tool_type", min_length=1)
    dominant_key: str = Field("dominant_tool_types", min_length=1)
    top_k_dominant: PositiveInt = 5

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the most frequent tools of every sample."""
        primary, dominant = self.fields
        tools = [self._most_frequent(value) for value in field_values(batch, f"{META}.{self.tool_types_meta_key}")]
        return {
            primary: pa.array([names[0] if names else None for names in tools], pa.string()),
            dominant: pa.array(tools, pa.list_(pa.string())),
        }

    def _most_frequent(self, tools: object) -> list[str]:
        names = [str(tool).strip() for tool in tools] if isinstance(tools, list) else []
        return [name for name, _ in Counter(filter(None, names)).most_common(self.top_k_dominant)]
