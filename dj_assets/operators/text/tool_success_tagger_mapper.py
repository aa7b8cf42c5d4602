"""Count the calls of tools that succeeded and failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import pyarrow as pa
from pydantic import Field, field_validator

from dj_assets.errors import SampleError
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.substitution import compiled
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

ERRORS = (r"(?i)\berror\s*:", r"(?i)\b(?:exception|failed|failure)\b", r"(?i)not\s+found|permission\s+denied")
LONGEST_OBJECT = 10_000
PREVIEW = 200
COUNTS = {"success": "tool_success_count", "error": "tool_fail_count", "unknown": "tool_unknown_count"}
RESULTS = pa.list_(pa.struct([("content_preview", pa.string()), ("result", pa.string())]))


def _fields(operator: ToolSuccessTaggerMapper) -> Mapping[str, pa.DataType]:
    counts = {f"{META}.{name}": pa.int64() for name in COUNTS.values()}
    results = {f"{META}.tool_results": RESULTS} if operator.store_per_tool_results else {}
    return {**counts, f"{META}.tool_success_ratio": pa.float64(), **results}


@register("tool_success_tagger_mapper")
class ToolSuccessTaggerMapper(FieldMapper):
    """Write into `__dj__meta__` the numbers of messages of tools that report success, failure or nothing.

    The field `messages_key` lists the messages; those whose `role` is one of `tool_role_names` count (`tool` and
    `tool_use` by default). A message that matches one of `error_patterns` is a failure, an empty one is unknown, any
    other one a success; as in Data-Juicer, `success_patterns` change nothing. The share of successes among both is null
    without any. With `store_per_tool_results`, the start of each message and its result are written, too.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = cast("Mapping[str, pa.DataType]", ByParameters(_fields))

    messages_key: str = Field("messages", min_length=1)
    tool_role_names: tuple[str, ...] | None = None
    success_patterns: tuple[str, ...] | None = None
    error_patterns: tuple[str, ...] | None = None
    store_per_tool_results: bool = True

    @field_validator("success_patterns", "error_patterns")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        import regex

        for pattern in patterns or ():
            try:
                compiled(pattern, 0)
            except regex.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return patterns

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the counts, the share and the results of every sample."""
        results = [self._results(messages) for messages in field_values(batch, self.messages_key)]
        kinds = [[result["result"] for result in sample] for sample in results]
        columns: dict[str, list[object]] = {
            f"{META}.{name}": [sample.count(kind) for sample in kinds] for kind, name in COUNTS.items()
        }
        columns[f"{META}.tool_success_ratio"] = [_share(sample) for sample in kinds]
        columns[f"{META}.tool_results"] = [*results]
        return {name: pa.array(columns[name], kind) for name, kind in self.fields.items()}

    def _results(self, messages: object) -> list[dict[str, str]]:
        roles = self.tool_role_names or ("tool", "tool_use")
        results = []
        for message in messages if isinstance(messages, list) else ():
            if not isinstance(message, dict):
                raise SampleError(f"{self.messages_key}: a message is no object")
            if str(message.get("role") or "").lower() in roles:
                content = _text_of(message.get("content"))
                results.append({"content_preview": content[:PREVIEW], "result": self._result(content)})
        return results

    def _result(self, content: str) -> str:
        if not content:
            return "unknown"
        patterns = self.error_patterns or ERRORS
        return "error" if any(compiled(pattern, 0).search(content) for pattern in patterns) else "success"


def _share(results: Sequence[str]) -> float | None:
    succeeded, failed = results.count("success"), results.count("error")
    return succeeded / (succeeded + failed) if succeeded + failed else None


def _text_of(content: object) -> str:
    """Return the content of a message as text: an object as JSON, of a list its texts and objects, one a line."""
    if isinstance(content, dict):
        return json.dumps(content, ensure_ascii=False, default=str)[:LONGEST_OBJECT]
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
            for part in content
            if isinstance(part, str | dict)
        ]
        return "\n".join(map(_text_of, parts)).strip()
    return "" if content is None else str(content).strip()
