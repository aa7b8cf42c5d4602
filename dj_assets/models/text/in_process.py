"""Run language models and vision language models in this process, by `transformers`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dj_assets.errors import TextModelError
from dj_assets.models.extras import installed
from dj_assets.models.quiet_transformers import without_messages
from dj_assets.models.text.chat import Answer, CallError, ChatRequest

if TYPE_CHECKING:
    from torch import Tensor

_LONGEST = 256
# Of the sampling parameters of servers, those that `transformers` takes, with its names.
_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "num_beams": "num_beams"}
# One call at a time: the seed of the process belongs to the call.
_one_at_a_time = threading.Lock()


class FoundModel(Protocol):
    """The part of a model in a store that a back end needs."""

    @property
    def path(self) -> Path:
        """Return the folder of the checkpoint."""

    @property
    def sha256(self) -> str:
        """Return the checksum of the folder."""


Find = Callable[[str], FoundModel]


@dataclass(frozen=True)
class InProcessModel:
    """Answer by checkpoints of Hugging Face in folders on this machine. Nothing is downloaded.

    `find` finds the folder of a model by its name. An answer is greedy unless the temperature is above 0; the seed
    depends on the request alone, so that neither the order of calls nor the number of workers changes an answer.
    """

    find: Find | None

    def model_name(self, wanted: str | None) -> str:
        """Return the name with the beginning of the checksum: other weights are another model.

        Raises
        ------
        TextModelError
            If the recipe names no model, or `transformers` is not installed.
        """
        if not installed("transformers") or not installed("torch"):
            raise TextModelError("Please install transformers: pip install 'dj_assets[vision]'")
        if not wanted:
            raise TextModelError("the back end transformers has no first model; name one in the recipe")
        return f"{wanted}@{self._find(wanted).sha256[:12]}"

    def problem(self, model: str | None, seconds: float) -> str | None:  # noqa: ARG002 - nothing is asked
        """Return None: models in this process are found, or reported, with all other models of a recipe."""
        return None

    def answer(self, request: ChatRequest) -> Answer:
        """Return the new tokens as a text, without special tokens."""
        if request.embeds:
            raise TextModelError("models in this process give no vectors; name a server in DJ_LLM")
        started = time.perf_counter()
        with _one_at_a_time:
            chat = self._chat(request)
            return chat.answer(request, started)

    def choose(self, request: ChatRequest) -> Answer:
        """Return the option with the largest log-probability of its first token: always one of the options."""
        started = time.perf_counter()
        with _one_at_a_time:
            return self._chat(request).choose(request, started)

    def _chat(self, request: ChatRequest) -> _Checkpoint:
        found = self._find(request.model.rpartition("@")[0] or request.model)
        return _checkpoint(found.path, found.sha256)

    def _find(self, name: str) -> FoundModel:
        if self.find is None:
            raise TextModelError("the back end transformers needs a folder of models")
        return self.find(name)


@cache
def _checkpoint(path: Path, _sha256: str) -> _Checkpoint:
    # other weights in the same folder are another model
    return _Checkpoint(path)


class _Checkpoint:
    """A loaded checkpoint with its tokenizer, or with its processor if it takes images."""

    def __init__(self, path: Path) -> None:
        import torch

        from dj_assets.models.vision.device import device

        without_messages()
        transformers = import_module("transformers")
        on = device()
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        config = transformers.AutoConfig.from_pretrained(path, **local)
        self.sees = getattr(config, "vision_config", None) is not None
        kind = transformers.AutoModelForImageTextToText if self.sees else transformers.AutoModelForCausalLM
        dtype = torch.float16 if on.half else torch.float32
        self.model: Any = kind.from_pretrained(path, dtype=dtype, **local).eval().to(on.name)
        loader = transformers.AutoProcessor if self.sees else transformers.AutoTokenizer
        self.prepare: Any = loader.from_pretrained(path, **local)
        self.tokenizer: Any = getattr(self.prepare, "tokenizer", self.prepare)

    def answer(self, request: ChatRequest, started: float) -> Answer:
        """Generate an answer."""
        import torch

        given = self._inputs(request)
        sampling = {to: request.sampling[name] for name, to in _SAMPLING.items() if request.sampling.get(name)}
        longest = int(request.sampling.get("max_tokens") or _LONGEST)
        torch.manual_seed(request.seed)
        with torch.inference_mode():
            made = self.model.generate(
                **given,
                **sampling,
                do_sample=float(request.sampling.get("temperature") or 0) > 0,
                max_new_tokens=longest,
                pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id or 0,
            )
        before = given["input_ids"].shape[1]
        new = made[0, before:]
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        reason = "length" if len(new) >= longest else "stop"
        return Answer(text, before, len(new), reason, time.perf_counter() - started)

    def choose(self, request: ChatRequest, started: float) -> Answer:
        """Compare the first tokens of the options by one forward pass."""
        import torch

        given = self._inputs(request)
        with torch.inference_mode():
            likely: Tensor = self.model(**given).logits[0, -1].float().log_softmax(-1)
        scores = tuple(max(float(likely[token]) for token in self._beginnings(option)) for option in request.options)
        best = request.options[scores.index(max(scores))]
        return Answer(best, given["input_ids"].shape[1], 1, "choice", time.perf_counter() - started, scores)

    def _beginnings(self, option: str) -> Sequence[int]:
        """Return the first token of an option, at the beginning of an answer and after a space."""
        tokens = [self.tokenizer.encode(text, add_special_tokens=False) for text in (option, f" {option}")]
        return [token[0] for token in tokens if token]

    def _inputs(self, request: ChatRequest) -> dict[str, Tensor]:
        if request.images and not self.sees:
            raise CallError(f"{request.model} takes no images; name a vision language model")
        text = self._text(request)
        pictures = {"images": [image.pil() for image in request.images]} if request.images else {}
        given = self.prepare(text=text, return_tensors="pt", add_special_tokens=False, **pictures)
        # generate() refuses the token types that some tokenizers return
        kept = {name: value for name, value in given.items() if name != "token_type_ids"}
        return {name: value.to(self.model.device) for name, value in kept.items()}

    def _text(self, request: ChatRequest) -> str:
        messages: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in request.messages]
        template = getattr(self.prepare, "chat_template", None) or getattr(self.tokenizer, "chat_template", None)
        if template is None:
            return self._plain(request)
        if self.sees:
            for message in messages:
                message["content"] = [{"type": "text", "text": message["content"]}]
            messages[-1]["content"] = [*({"type": "image"} for _ in request.images), *messages[-1]["content"]]
        text: str = self.prepare.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text

    def _plain(self, request: ChatRequest) -> str:
        """Return a chat in the form of Vicuna, for checkpoints without a template."""
        marks = "".join(f"{getattr(self.prepare, 'image_token', '<image>')}\n" for _ in request.images)
        said = " ".join(f"USER: {marks}{content}" if role == "user" else content for role, content in request.messages)
        begin = self.tokenizer.bos_token or ""
        return f"{begin}{said} ASSISTANT:"
