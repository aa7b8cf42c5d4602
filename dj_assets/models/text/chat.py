"""Define a call of a language model: the request, the answer, and the protocols of back ends and of kept answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

ENDPOINT = "/chat/completions"
RESPONSE_PATH = "choices.0.message.content"
# The key that orders this package from Data-Juicer's: a new meaning of requests asks everything again.
_FORMAT = 1


class CallError(Exception):
    """Report one call that gave no answer. Other calls may still be answered."""


@dataclass(frozen=True)
class ChatRequest:
    """Hold everything that can change an answer: model, messages, sampling, prompt version, and number of the attempt.

    `messages` are pairs of role and content. `prompt` names the operator and the version of its prompt.

    Examples
    --------
    >>> first = ChatRequest("a-model", (("user", "Hello?"),), prompt="example/1")
    >>> again = ChatRequest("a-model", (("user", "Hello?"),), prompt="example/1", attempt=1)
    >>> first.body()
    {'model': 'a-model', 'messages': [{'role': 'user', 'content': 'Hello?'}]}
    >>> again.body()["seed"], first.key == again.key
    (1, False)
    """

    model: str
    messages: tuple[tuple[str, str], ...]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    prompt: str = ""
    attempt: int = 0
    endpoint: str = ENDPOINT
    response_path: str = RESPONSE_PATH

    @property
    def key(self) -> str:
        """Return the SHA-256 of the request, under which its answer is kept."""
        text = json.dumps([_FORMAT, asdict(self)], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def body(self) -> dict[str, Any]:
        """Return what is sent; a repeated attempt has its number as the seed, unless the sampling has one."""
        seed = {"seed": self.attempt} if self.attempt else {}
        messages = [{"role": role, "content": content} for role, content in self.messages]
        return {"model": self.model, "messages": messages, **seed, **self.sampling}


@dataclass(frozen=True)
class Answer:
    """Hold the text that a model answered; tokens are None if the server does not count them."""

    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    finish_reason: str = ""
    seconds: float = 0.0


class TextModel(Protocol):
    """Answer chats."""

    def model_name(self, wanted: str | None) -> str:
        """Return the name of the model that is asked: the wanted one, by default the first of the server."""

    def answer(self, request: ChatRequest) -> Answer:
        """Return the answer; raise `CallError` if this call fails, `TextModelError` if every call would."""


class KeptAnswers(Protocol):
    """Keep a record of each call under the key of its request. If it is `read_only`, no call is made."""

    @property
    def read_only(self) -> bool:
        """Return whether no call is made."""

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record of a call, None if there is none."""

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a call, so that a killed process leaves all of it or nothing."""
