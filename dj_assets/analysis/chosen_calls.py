"""Choose among the kept calls of language models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dj_assets.models.text.prices import plain_name


@dataclass(frozen=True)
class ChosenCalls:
    """Choose calls that failed, those of an operator or to a model, and those with a text in prompt or answer.

    Examples
    --------
    >>> messages = [["user", "Is it good?"]]
    >>> request = {"model": "m@0123456789ab", "prompt": "llm_quality_score_filter/1", "messages": messages}
    >>> record = {"request": request, "answer": {"text": "yes"}}
    >>> ChosenCalls(model="m", contains="GOOD").has(record), ChosenCalls(failed=True).has(record)
    (True, False)
    """

    failed: bool = False
    operator: str | None = None
    model: str | None = None
    contains: str | None = None

    def has(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is chosen."""
        request = record.get("request", {})
        model = str(request.get("model"))
        return (
            (not self.failed or "error" in record)
            and (self.operator is None or str(request.get("prompt", "")).partition("/")[0] == self.operator)
            and (self.model is None or self.model in {model, plain_name(model)})
            and (self.contains is None or self.contains.casefold() in _text(record).casefold())
        )


def _text(record: Mapping[str, Any]) -> str:
    said = [str(content) for _, content in record.get("request", {}).get("messages", [])]
    return "\n".join([*said, str((record.get("answer") or {}).get("text", ""))])
