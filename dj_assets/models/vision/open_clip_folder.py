"""CLIP from a folder of open_clip, run by that library: any of its architectures, with its own tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dj_assets.errors import UserError
from dj_assets.models.vision.backend import Array, Backend, TorchBackend
from dj_assets.models.vision.checkpoint import OPEN_CLIP_CONFIG
from dj_assets.models.vision.clip_tokens import Tokens
from dj_assets.models.vision.device import Device, normalised
from dj_assets.models.vision.pixels import preprocessing

T = TypeVar("T")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")


class OpenClipModel:
    """A model that open_clip creates from a folder."""

    def __init__(self, folder: Path, on: Device) -> None:
        import open_clip

        # without weights, open_clip would go on with random ones
        if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
            raise UserError(f"the model folder {folder} has no weights ({', '.join(_WEIGHTS)})")
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.backend: Backend = TorchBackend(on.name, half=on.half)
        model: Any = _of_folder(open_clip.create_model, folder, "model")
        self.model = model.eval().to(on.name)
        self.scale = float(self.model.logit_scale.detach().exp())
        self.tokens: Tokens = OpenClipTokens(folder)

    def see(self, pixels: Array) -> Array:
        """Return a unit vector for every picture."""
        return self.model.encode_image(normalised(pixels, self.mean, self.std), normalize=True)

    def read(self, tokens: Array) -> Array:
        """Return a unit vector for every text."""
        return self.model.encode_text(tokens, normalize=True)


class OpenClipTokens:
    """Tokenizer of a folder of open_clip: that of the released models, or one of Hugging Face that the folder holds."""

    def __init__(self, folder: Path) -> None:
        import open_clip

        self.tokenizer: Any = _of_folder(open_clip.get_tokenizer, folder, "tokenizer")

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the tokens of every text, padded and truncated to the context, shape `(len(texts), context)`."""
        tokens: npt.NDArray[np.int64] = self.tokenizer(list(texts)).numpy()
        return tokens

    def length(self, text: str) -> int:
        """Return the number of tokens of a text, with those at its ends and without truncation."""
        if hasattr(self.tokenizer, "encode"):
            return len(self.tokenizer.encode(text)) + 2
        return len(self.tokenizer.tokenizer(self.tokenizer.clean_fn(text)).input_ids)


def _of_folder(create: Callable[[str], T], folder: Path, kind: str) -> T:
    """Return what open_clip makes of a folder.

    Raises
    ------
    UserError
        If a file is absent, or does not fit the configuration.
    """
    try:
        return create(f"local-dir:{folder}")
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"open_clip finds no {kind} in {folder}: {first}; compare it with {OPEN_CLIP_CONFIG}"
        ) from error
