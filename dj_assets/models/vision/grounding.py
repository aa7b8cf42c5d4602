"""Locate the things of a phrase in a picture: OWL-ViT (Minderer et al. 2022), run in transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dj_assets.models.vision.backend import Floats, TorchBackend
from dj_assets.models.vision.clip_tokens import ClipTokens
from dj_assets.models.vision.device import Batching, Device, normalised
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.models.vision.transformers_folder import from_folder

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Boxes:
    """Hold `n` boxes of one picture, each with the phrase that fits best and the probability of that.

    `corners` are left, top, right and bottom as shares of the picture's width and height, shape `(n, 4)`; `phrases` are
    indices of the requested phrases.
    """

    corners: Floats
    phrases: np.ndarray
    scores: Floats


class PhraseDetector:
    """A checkpoint of Hugging Face's `OwlViTForObjectDetection`."""

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.model = from_folder("OwlViTForObjectDetection", folder).eval().to(on.name)
        self.tokens = ClipTokens(folder, self.model.config.text_config.max_position_embeddings)
        backend = TorchBackend(on.name, half=on.half)
        self.seeing, self.reading, self.finding = Batching(backend), Batching(backend), Batching(backend)

    def boxes(self, crops: Sequence[Uint8s], phrases: Sequence[Sequence[str]]) -> list[Boxes]:
        """Return the boxes of every picture for its own phrases; each picture needs at least one phrase.

        Pictures and distinct phrases are encoded in batches over all pictures.
        """
        seen = self.seeing.run(self._see, crops)
        distinct = {
            phrase: index
            for index, phrase in enumerate(dict.fromkeys(p for image_phrases in phrases for p in image_phrases))
        }
        read = self.reading.run(self._read, self.tokens(list(distinct)))
        return [
            self._boxes(features, read[[distinct[phrase] for phrase in image_phrases]])
            for features, image_phrases in zip(seen, phrases, strict=True)
        ]

    def _boxes(self, features: Floats, queries: Floats) -> Boxes:
        output = self.finding.run(self._find, features[None], queries[None])[0]
        centre, size, logits = output[:, :2], output[:, 2:4], output[:, 4:]
        best = logits.argmax(1)
        scores = 1 / (1 + np.exp(-logits[np.arange(len(best)), best]))
        return Boxes(np.concatenate([centre - size / 2, centre + size / 2], 1), best, scores)

    def _see(self, pixels: Tensor) -> Tensor:
        features, _ = self.model.image_embedder(normalised(pixels, self.mean, self.std))
        output: Tensor = features
        return output

    def _read(self, tokens: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        owl = self.model.owlvit
        output: Tensor = owl.text_projection(owl.text_model(input_ids=tokens).pooler_output)
        return normalize(output.float(), dim=-1)

    def _find(self, features: Tensor, queries: Tensor) -> Tensor:
        """Return centre, size and the logit of every query of each box, concatenated."""
        import torch

        flat = features.flatten(1, 2)
        boxes = self.model.box_predictor(flat, features)
        logits, _ = self.model.class_predictor(flat, queries)
        return torch.cat([boxes.float(), logits.float()], -1)
