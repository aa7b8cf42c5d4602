"""Define a call of a language model: the request, the answer, and the protocols of back ends and of kept answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from dj_assets.models.text.pictures import Picture

ENDPOINT = "/chat/completions"
RESPONSE_PATH = "choices.0.message.content"
# The key that orders this package from Data-Juicer's: a new meaning of requests asks everything again.
_FORMAT = 1
# The most likely first tokens of an answer that servers name.
_MOST_CHOICES = 20


class CallError(Exception):
    """Report one call that gave no answer. Other calls may still be answered."""


@dataclass(frozen=True)
class ChatRequest:
    """Hold everything that can change an answer: model, messages, sampling, prompt version, and number of the attempt.

    `messages` are pairs of role and content. `prompt` names the operator and the version of its prompt. `images` belong
    to the last message; a record holds their checksums. With `options`, the model chooses one of them. A request that
    `embeds` asks for the vector of its last message, whose answer is a list of numbers as JSON.

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
    images: tuple[Picture, ...] = ()
    options: tuple[str, ...] = ()
    embeds: bool = False

    @property
    def key(self) -> str:
        """Return the SHA-256 of the request, under which its answer is kept."""
        text = json.dumps([_FORMAT, self.described()], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def seed(self) -> int:
        """Return the seed of a model in this process, 0..2^60: it depends on the request and on nothing else."""
        given = self.sampling.get("seed")
        return given if isinstance(given, int) else int(self.key[:15], 16)

    def described(self) -> dict[str, Any]:
        """Return the request for a record, with the checksums of images; without what it does not have."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        values["images"] = [image.checksum for image in self.images]
        return {name: value for name, value in values.items() if value or name not in {"images", "options", "embeds"}}

    def body(self) -> dict[str, Any]:
        """Return what is sent; a repeated attempt has its number as the seed, unless the sampling has one."""
        if self.embeds:
            return {"model": self.model, "input": self.messages[-1][1], **self.sampling}
        seed = {"seed": self.attempt} if self.attempt else {}
        messages: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in self.messages]
        if self.images:
            shown = [{"type": "image_url", "image_url": {"url": image.url()}} for image in self.images]
            messages[-1]["content"] = [*shown, {"type": "text", "text": messages[-1]["content"]}]
        choosing = {"logprobs": True, "top_logprobs": _MOST_CHOICES, "max_tokens": 1} if self.options else {}
        return {"model": self.model, "messages": messages, **seed, **self.sampling, **choosing}


@dataclass(frozen=True)
class Answer:
    """Hold the text that a model answered; tokens are None if the server does not count them.

    `scores` are the log-probabilities of the options, if the model chose one.
    """

    text: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    finish_reason: str = ""
    seconds: float = 0.0
    scores: tuple[float, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return the answer for a record, without scores if it has none."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: value for name, value in values.items() if value or name != "scores"}


class TextModel(Protocol):
    """Answer chats."""

    def model_name(self, wanted: str | None) -> str:
        """Return the name of the model that is asked: the wanted one, by default the first of the server."""

    def problem(self, model: str | None, seconds: float) -> str | None:
        """Return why a model cannot be asked, None if it can; a server is asked for at most `seconds`."""

    def answer(self, request: ChatRequest) -> Answer:
        """Return the answer; raise `CallError` if this call fails, `TextModelError` if every call would."""


class VisionModel(TextModel, Protocol):
    """Answer chats about images, and choose between options."""

    def choose(self, request: ChatRequest) -> Answer:
        """Return the most likely of the options as the text, and the log-probability of each."""


class KeptAnswers(Protocol):
    """Keep a record of each call under the key of its request. If it is `read_only`, no call is made."""

    @property
    def read_only(self) -> bool:
        """Return whether no call is made."""

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the record of a call, None if there is none."""

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a call, so that a killed process leaves all of it or nothing."""

    def spend(self, amounts: Mapping[str, float], limits: Mapping[str, float]) -> str | None:
        """Add amounts to what all calls have spent, unless a limit is reached; then return its name."""
