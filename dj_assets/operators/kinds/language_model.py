"""Define the base class of operators that ask a language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
from pydantic import Field, PositiveInt, field_validator

from dj_assets.errors import TextModelError
from dj_assets.models.store import ModelStore
from dj_assets.models.text.ask import answers, is_in_process, problem_of_address, text_model
from dj_assets.models.text.chat import ENDPOINT, RESPONSE_PATH, ChatRequest, VisionModel
from dj_assets.models.text.pictures import Picture
from dj_assets.operators.base import Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.views.sample_fields import field_values

R = TypeVar("R")
# Pairs of role and content.
Messages = tuple[tuple[str, str], ...]
# Keys of `model_params`: how the server is reached. None of them is part of what was measured.
CONNECTION = ("base_url", "timeout", "max_retries")
KEY = "api_key"
_MOST = 86_400
# The parameters of Data-Juicer that name the model, the first one first: an operator may inherit another.
NAMES_OF_MODEL = ("api_model", "api_or_hf_model", "hf_model")
# The names that parameters of `transformers` have on a server.
_ON_SERVERS = {"max_new_tokens": "max_tokens"}


class LanguageModelOperator(Operator):
    """Ask a language model about each sample. By default, the step takes only samples that the filters before it keep.

    The subclass has one of the parameters `NAMES_OF_MODEL`, by the name that it has in Data-Juicer, or a property
    `model`. `prompt_version` is the version of its prompt: raise it if the prompt changes. Every call is kept in the
    folder of the subset, and is not repeated while model, messages, sampling and prompt version are the same.
    """

    reaches_out: ClassVar[bool] = True
    keeps_calls: ClassVar[bool] = True
    by_default_conditional: ClassVar[bool] = True
    prompt_version: ClassVar[int] = 1
    # True for an operator whose questions are about images.
    sees: ClassVar[bool] = False
    # True for an operator that asks for vectors of texts.
    embeds: ClassVar[bool] = False
    judging: ClassVar[frozenset[str]] = frozenset({"model_params"})

    api_endpoint: str | None = None
    response_path: str | None = None
    try_num: PositiveInt = 3
    model_params: dict[str, Any] = Field(default_factory=dict)
    sampling_params: dict[str, Any] = Field(default_factory=dict)

    @field_validator("model_params", "sampling_params", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator("model_params")
    @classmethod
    def _reaches_a_server(cls, given: dict[str, Any]) -> dict[str, Any]:
        if KEY in given:
            raise ValueError("api_key is never read from a recipe; set OPENAI_API_KEY and remove it")
        unknown = sorted(set(given) - set(CONNECTION))
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(CONNECTION)}")
        problem = problem_of_address(str(given["base_url"])) if given.get("base_url") else None
        if problem:
            raise ValueError(f"base_url {problem}")
        for name, least in (("timeout", 0.001), ("max_retries", 0)):
            value = given.get(name, least)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _MOST:
                raise ValueError(f"{name} is {value!r}; give a number from {least} to {_MOST}")
        return given

    @property
    def model(self) -> str | None:
        """Return the name of the model, that of the parameter in Data-Juicer; None for the first one of the server."""
        fields = type(self).model_fields
        name: str | None = getattr(self, next(name for name in NAMES_OF_MODEL if name in fields))
        return name

    @property
    def prompts_a_sample(self) -> int:
        """Return the most questions that are asked about one sample, by which `dj-assets plan` expects the calls."""
        return 1

    def usual_sampling(self) -> Mapping[str, Any]:
        """Return the sampling that holds where `sampling_params` of the recipe says nothing else; by default none."""
        return {}

    def problem(self) -> str | None:
        """Return why no model can be asked, None if a back end is configured."""
        try:
            text_model(self.model_params, vision=self.sees)
        except TextModelError as error:
            return str(error)
        return None

    def lacks(self) -> str | None:
        """Return why no model can be asked."""
        return self.problem()

    def server_problem(self, seconds: float) -> str | None:
        """Ask the server whether it answers and has the model; return why not. Models in this process are not asked."""
        try:
            return text_model(self.model_params, vision=self.sees).problem(self.model, seconds)
        except TextModelError:
            # nothing is configured, see `lacks`
            return None

    @property
    def in_process(self) -> bool:
        """Return whether the model runs in this process."""
        return is_in_process(self.model_params, vision=self.sees)

    def models(self) -> tuple[str, ...]:
        """Return the name of the model if it runs in this process."""
        return (self.model,) if self.in_process and self.model else ()

    def back_end(self, models: ModelStore) -> VisionModel:
        """Return the model that is asked; one in this process is among `models`."""
        return text_model(self.model_params, models.find, vision=self.sees)

    def sampling(self) -> Mapping[str, object]:
        """Return the sampling parameters, by the names that servers give them."""
        given = {**self.usual_sampling(), **self.sampling_params}
        return {_ON_SERVERS.get(key, key): value for key, value in given.items()}

    def values_of(self, batch: Batch, key: str) -> list[str]:
        """Return a field of every sample as text; the key of the operator's text stands for the text itself."""
        if key == self.text_name:
            texts: list[str] = batch.text.to_pylist()
            return texts
        return ["" if value is None else str(value) for value in field_values(batch, key)]

    def ask(
        self,
        batch: Batch,
        prompts: Sequence[str | None],
        read: Callable[[str], R],
        system: str | None = None,
        *,
        images: Sequence[Sequence[Picture]] | None = None,
        options: tuple[str, ...] = (),
    ) -> list[R | None]:
        """Ask for one answer to each prompt, and return what `read` makes of it; see `ask_chats`."""
        head = (("system", system),) if system else ()
        chats = [None if prompt is None else (*head, ("user", prompt)) for prompt in prompts]
        return self.ask_chats(batch, chats, read, images=images, options=options)

    def ask_chats(
        self,
        batch: Batch,
        chats: Sequence[Messages | None],
        read: Callable[[str], R],
        *,
        images: Sequence[Sequence[Picture]] | None = None,
        options: tuple[str, ...] = (),
    ) -> list[R | None]:
        """Ask for one answer to each chat, and return what `read` makes of it.

        `read` raises `ValueError` for an answer that it cannot use: the chat is then asked again with another seed,
        `try_num` times in all. None stands for a chat without a usable answer, and for a chat that is None. `images`
        are those that each chat is about; with `options`, the model chooses one of them.
        """
        return self.ask_model(self.model, batch, chats, read, images=images, options=options)

    def ask_model(
        self,
        model: str | None,
        batch: Batch,
        chats: Sequence[Messages | None],
        read: Callable[[str], R],
        *,
        images: Sequence[Sequence[Picture]] | None = None,
        options: tuple[str, ...] = (),
    ) -> list[R | None]:
        """Ask a model for one answer to each chat, see `ask_chats`; None is the first model of the server."""
        found: list[R | None] = [None] * len(chats)
        left = [index for index, chat in enumerate(chats) if chat is not None]
        if not left:
            return found
        # a model with a name needs no server where all answers are kept
        name = model if model and not self.in_process else self.back_end(batch.models).model_name(model)
        sampling = self.sampling()
        for attempt in range(self.try_num):
            requests = [
                ChatRequest(
                    name,
                    chats[index] or (),
                    sampling,
                    f"{self.name}/{self.prompt_version}",
                    attempt,
                    f"/{self.api_endpoint.lstrip('/')}" if self.api_endpoint else ENDPOINT,
                    self.response_path or RESPONSE_PATH,
                    tuple(images[index]) if images else (),
                    options,
                    self.embeds,
                )
                for index in left
            ]
            unusable = []
            given = answers(requests, lambda: self.back_end(batch.models), batch.models.answers)
            for index, answer in zip(left, given, strict=True):
                if answer is None:
                    continue
                try:
                    found[index] = read(answer.text)
                except ValueError:
                    unusable.append(index)
            if not unusable:
                break
            left = unusable
        return found


def without_text(batch: Batch) -> Batch:
    """Return the batch with empty texts, for `drop_text`."""
    return batch.with_text(pa.array([""] * len(batch), pa.string()))


def filled(template: str, **values: str) -> str:
    """Return a template with `{name}` replaced; other braces stay, so that a template may contain JSON.

    Examples
    --------
    >>> filled('Answer {"score": 1} about {text}.', text="a {b}")
    'Answer {"score": 1} about a {b}.'
    """
    import re

    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def put(template: str, *values: str) -> str:
    """Return a template with each `{}` replaced by the next value.

    Examples
    --------
    >>> put("{} and {}", "a {}", "b")
    'a {} and b'
    """
    import re

    left = iter(values)
    return re.sub(r"\{\}", lambda _: next(left, ""), template)


def not_empty(answer: str) -> str:
    """Return an answer without white space at both ends; raise `ValueError` if nothing is left."""
    text = answer.strip()
    if not text:
        raise ValueError("is empty")
    return text


def list_of_names(text: str) -> list[str]:
    """Return the names in a list with commas, semicolons or line breaks between them, each once.

    Examples
    --------
    >>> list_of_names("Anna, Ben、 Anna；'Cem'.")
    ['Anna', 'Ben', 'Cem']
    """
    import re

    names = (name.strip().strip("\"'“”‘’`.。").strip() for name in re.split(r"[,，、;；\n|]", text))
    return list(dict.fromkeys(filter(None, names)))


def checked_lengths(keys: Sequence[str], names: Sequence[str]) -> None:
    """Raise `ValueError` unless there is a name for each key."""
    if len(keys) != len(names):
        raise ValueError(f"has {len(names)} names for {len(keys)} input_keys; give one for each")


def without_fences(text: str) -> str:
    """Return the JSON object in an answer: models write it into a block of code, or words around it.

    Examples
    --------
    >>> without_fences('Here it is: ```json {"score": 1} ``` Anything else?')
    '{"score": 1}'
    """
    return text[text.find("{") : text.rfind("}") + 1]


def json_object(text: str) -> Mapping[str, Any]:
    """Return the JSON object in an answer.

    Raises
    ------
    ValueError
        If there is none.
    """
    import json

    value = json.loads(without_fences(text))
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - the answer of a model, no argument
    return value
