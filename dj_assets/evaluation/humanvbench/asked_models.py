"""The models that make questions: their names, where each is asked, and the calls that are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dj_assets.models.store import ModelStore
from dj_assets.models.text.ask import answers, text_model
from dj_assets.models.text.chat import Answer, ChatRequest, KeptAnswers, VisionModel
from dj_assets.models.text.pictures import Picture
from dj_assets.models.text.prices import plain_name


@dataclass(frozen=True)
class Chat:
    """Hold a question for any model: its text and images, the version of its prompt, and the number of the attempt."""

    text: str
    prompt: str
    images: tuple[Picture, ...] = ()
    attempt: int = 0
    temperature: float = 0.0
    most_tokens: int = 128

    def to(self, model: str) -> ChatRequest:
        """Return the request to a model."""
        sampling = {"temperature": self.temperature, "max_tokens": self.most_tokens}
        messages = (("user", self.text),)
        return ChatRequest(model, messages, sampling, self.prompt, self.attempt, images=self.images)


@dataclass(frozen=True)
class AskedModel:
    """Hold the name of a model, and its address as in `DJ_VLM`; without one, that of the settings is taken.

    Examples
    --------
    >>> AskedModel.of("org/qwen2-vl=http://127.0.0.1:8000/v1")
    AskedModel(name='org/qwen2-vl', address='http://127.0.0.1:8000/v1')
    >>> AskedModel.of("org/qwen2-vl").family
    'qwen'
    """

    name: str
    address: str | None = None

    @classmethod
    def of(cls, text: str) -> AskedModel:
        """Read `NAME` or `NAME=ADDRESS`."""
        name, _, address = text.partition("=")
        return cls(name.strip(), address.strip() or None)

    @property
    def family(self) -> str:
        """Return the letters with which the name begins, without its organisation."""
        return family_of(self.name)

    def back_end(self, store: ModelStore, *, sees: bool) -> VisionModel:
        """Return the back end that answers for this model.

        Raises
        ------
        TextModelError
            If no address is given or set, or it is no URL.
        """
        return text_model({"base_url": self.address} if self.address else None, store.find, vision=sees)

    def ask(self, chats: Sequence[Chat], kept: KeptAnswers, store: ModelStore) -> list[tuple[str, Answer | None]]:
        """Return the key of every call, and its answer, None for one that failed. Kept answers are not asked again.

        Raises
        ------
        TextModelError
            If every call would fail.
        """
        sees = any(chat.images for chat in chats)
        model = self.back_end(store, sees=sees)
        name = model.model_name(self.name)
        requests = [chat.to(name) for chat in chats]
        found = answers(requests, lambda: model, kept)
        return [(request.key, answer) for request, answer in zip(requests, found, strict=True)]


def family_of(name: str) -> str:
    """Return the family of a model, by the letters with which its name begins.

    Examples
    --------
    >>> family_of("Qwen/Qwen2-VL-7B@0123456789ab"), family_of("DAMO-NLP-SG/VideoLLaMA3-7B")
    ('qwen', 'videollama')
    """
    base = plain_name(name).rpartition("/")[2].casefold()
    letters = re.match(r"[a-z]+", base)
    return letters[0] if letters else base
