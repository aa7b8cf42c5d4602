"""Embeddings of texts: by a folder of model2vec or of sentence-transformers, or by a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dj_assets import settings, variables
from dj_assets.errors import UserError
from dj_assets.models.extras import installed, require
from dj_assets.models.text.chat import CallError

Floats = npt.NDArray[np.float32]

ENDPOINT = "/embeddings"
# Texts that a server gets at once.
_AT_ONCE = 64
_PACKAGES = {"model2vec": ("model2vec", "embeddings"), "sentence-transformers": ("sentence_transformers", "sbert")}


class Embedder(Protocol):
    """Embed texts."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return one vector for each text, shape `(len(texts), d)`; zeros for a text without a known token."""


def problem_of_folder(folder: Path) -> str:
    """Return why a folder cannot be used as a model of embeddings, empty if it can."""
    kind = _kind_of(folder)
    if kind is None:
        return f"{folder} is no folder of model2vec or sentence-transformers"
    package, extra = _PACKAGES[kind]
    return "" if installed(package) else f"needs {kind}: pip install 'dj_assets[{extra}]'"


@cache
def opened(folder: Path) -> Embedder:
    """Load a model.

    Raises
    ------
    UserError
        If the folder holds no model, or its package is not installed.
    """
    kind = _kind_of(folder)
    if kind is None:
        raise UserError(f"{folder}: is no folder of model2vec or sentence-transformers")
    require(*_PACKAGES[kind])
    return _Static(folder) if kind == "model2vec" else _Contextual(folder)


def of_server(base_url: str, model: str, texts: Sequence[str]) -> Floats:
    """Return the embeddings of a server with the interface of OpenAI. The key goes to the user's own server alone.

    Raises
    ------
    CallError
        If this call gets no embeddings.
    TextModelError
        If every call would fail.
    """
    from dj_assets.models.text.http_server import HttpModel

    own = {settings.language_model(), variables.OPENAI_BASE_URL.given()}
    server = HttpModel(base_url, settings.llm_seconds(), with_key=base_url in own)
    parts: list[list[float]] = []
    for start in range(0, len(texts), _AT_ONCE):
        # servers refuse an empty text
        asked = [text or " " for text in texts[start : start + _AT_ONCE]]
        reply = server.requested(ENDPOINT, {"model": model, "input": asked}, "data.0.embedding")
        parts += _vectors(reply["data"], len(asked))
    if len({len(part) for part in parts}) > 1:
        raise CallError("the embeddings have different lengths")
    vectors = np.array(parts, np.float32).reshape(len(texts), -1)
    vectors[[not text.strip() for text in texts]] = 0
    return vectors


def _vectors(data: list[dict[str, Any]], number: int) -> list[list[float]]:
    by_index = {entry.get("index", place): entry.get("embedding") for place, entry in enumerate(data)}
    vectors = [by_index.get(index) for index in range(number)]
    if not all(isinstance(vector, list) for vector in vectors):
        raise CallError(f"the reply has no {number} embeddings")
    return [vector for vector in vectors if vector is not None]


def _kind_of(folder: Path) -> str | None:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        config = {}
    # a folder of model2vec can be one of sentence-transformers, too
    if isinstance(config, dict) and config.get("model_type") == "model2vec":
        return "model2vec"
    return "sentence-transformers" if (folder / "modules.json").is_file() else None


class _Static:
    """A model of model2vec: the mean of the vectors of tokens."""

    def __init__(self, folder: Path) -> None:
        from model2vec import StaticModel

        self._model = StaticModel.from_pretrained(str(folder))

    def embed(self, texts: Sequence[str]) -> Floats:
        encoded = self._model.encode(list(texts), show_progress_bar=False, use_multiprocessing=False)
        return np.asarray(encoded, np.float32).reshape(len(texts), -1)


class _Contextual:
    """A model of sentence-transformers, on the CPU.

    Texts are embedded one at a time: filling them up to equal lengths would change the last digits.
    """

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        from dj_assets.models.quiet_transformers import without_messages

        without_messages()
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def embed(self, texts: Sequence[str]) -> Floats:
        vectors = [self._model.encode(text, show_progress_bar=False, convert_to_numpy=True) for text in texts]
        encoded = np.asarray(vectors, np.float32).reshape(len(texts), -1)
        encoded[[not text.strip() for text in texts]] = 0
        return encoded
