"""The calls of language models about one sample, as the steps of its trace read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dj_assets.stores.generations import Generations


@dataclass(frozen=True)
class Call:
    """One call: the model, its messages as pairs of role and content, and its answer, or the error of a failed call."""

    model: str
    messages: tuple[tuple[str, str], ...]
    answer: str | None
    error: str | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Call:
        """Return the call of a kept record."""
        request, answer = record["request"], record.get("answer")
        messages = tuple((str(role), str(content)) for role, content in request["messages"])
        text = str(answer["text"]) if answer else None
        return cls(str(request["model"]), messages, text, None if answer else str(record.get("error", "no answer")))


@dataclass
class WatchedAnswers:
    """Read the kept answers of a subset, remember which were read, and ask nothing.

    Examples
    --------
    >>> import tempfile
    >>> kept = Generations(tempfile.mkdtemp())
    >>> kept.write("ab12", {"request": {"model": "m", "messages": [["user", "Good?"]]}, "answer": {"text": "yes"}})
    >>> watched = WatchedAnswers(kept)
    >>> watched.read("ab13") is None, watched.read("ab12")["answer"]
    (True, {'text': 'yes'})
    >>> watched.taken()
    (Call(model='m', messages=(('user', 'Good?'),), answer='yes', error=None),)
    >>> watched.taken()
    ()
    """

    generations: Generations
    read_only: bool = True
    _records: list[dict[str, Any]] = field(default_factory=list)

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record of a call, None if there is none that can be read."""
        record = self.generations.read(key)
        if record is not None:
            self._records.append(record)
        return record

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Refuse: nothing is asked here, so there is nothing to keep."""
        raise NotImplementedError(f"{key}: answers are only read here, not {record}")

    def spend(self, amounts: Mapping[str, float], limits: Mapping[str, float]) -> str | None:
        """Refuse, as `write`."""
        raise NotImplementedError(f"answers are only read here: {amounts}, {limits}")

    def taken(self) -> tuple[Call, ...]:
        """Return the calls that were read since this was asked last."""
        calls = tuple(Call.of(record) for record in self._records if "request" in record)
        self._records.clear()
        return calls
