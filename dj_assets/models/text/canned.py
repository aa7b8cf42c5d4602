"""Answer chats from a table, for tests and documentation."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from dj_assets.errors import TextModelError
from dj_assets.models.text.chat import Answer, CallError, ChatRequest

# The key of the answer to every prompt that the table does not have.
ANY = "*"


@dataclass(frozen=True)
class CannedModel:
    """Answer by a JSON file of prompts and answers. A prompt is the content of the last message.

    The answer of the prompt `*` is given to every other prompt.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "answers.json")
    >>> _ = path.write_text('{"Is it true?": "Yes.", "*": "I do not know."}')
    >>> CannedModel(path).answer(ChatRequest("canned", (("user", "Is it true?"),))).text
    'Yes.'
    """

    path: Path

    def model_name(self, wanted: str | None) -> str:
        """Return the wanted name, by default `canned`."""
        return wanted or "canned"

    def problem(self, model: str | None, seconds: float) -> str | None:  # noqa: ARG002 - nothing is asked
        """Return why the table cannot be read, None if it can."""
        try:
            self._table()
        except TextModelError as error:
            return str(error)
        return None

    def answer(self, request: ChatRequest) -> Answer:
        """Return the answer of the table; raise `CallError` if it has none."""
        answers = self._table()
        prompt = request.messages[-1][1]
        text = answers.get(prompt, answers.get(ANY))
        if text is None:
            raise CallError(f"{self.path.name} has no answer to this prompt, and none to {ANY!r}")
        return Answer(text, len(prompt.split()), len(text.split()), "stop")

    def choose(self, request: ChatRequest) -> Answer:
        """Return the answer of the table with the probability 1; raise `CallError` if it is none of the options."""
        answer = self.answer(request)
        if answer.text not in request.options:
            raise CallError(f"{self.path.name}: {answer.text!r} is none of the options {', '.join(request.options)}")
        scores = tuple(0.0 if option == answer.text else -math.inf for option in request.options)
        return replace(answer, scores=scores)

    def _table(self) -> dict[str, str]:
        return _answers(self.path, self.path.stat().st_mtime_ns if self.path.exists() else 0)


@cache
def _answers(path: Path, _mtime_ns: int) -> dict[str, str]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TextModelError(f"DJ_LLM: {path} cannot be read ({error}); name a JSON file {{prompt: answer}}") from None
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise TextModelError(f"DJ_LLM: {path} is no object of texts; write {{prompt: answer}}")
    return content
