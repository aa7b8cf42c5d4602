"""Whether a text tells of a picture: BLIP's matching head (Li et al. 2022), run in transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dj_assets.models.vision.device import Batching, Device, Floats, normalised
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.models.vision.transformers_folder import from_folder

if TYPE_CHECKING:
    from torch import Tensor

_MATCH = 1
# Texts of a like length run together; each length is rounded up to a multiple of this.
_STEP = 16


class ImageTextMatcher:
    """A checkpoint of Hugging Face's `BlipForImageTextRetrieval`."""

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.model = from_folder("BlipForImageTextRetrieval", folder).eval().to(on.name)
        self.tokenizer = from_folder("AutoTokenizer", folder)
        self.longest = self.model.config.text_config.max_position_embeddings
        self.batching = Batching(on)

    def scores(self, crops: Sequence[Uint8s], texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Floats:
        """Return the probability that the text of each pair belongs to its picture, shape `(len(pairs),)`.

        Parameters
        ----------
        crops, texts
            Each is encoded once.
        pairs
            Places in `crops` and in `texts`; at least one.
        """
        seen = self.batching.run(self._see, crops)
        tokens = [np.array(found, np.int64) for found in self._tokens(texts)]
        lengths = np.array([len(tokens[text]) for _, text in pairs])
        scores = np.empty(len(pairs), np.float32)
        for length in np.unique(-(-lengths // _STEP)) * _STEP:
            places = np.flatnonzero((lengths <= length) & (lengths > length - _STEP))
            chosen = [pairs[place] for place in places.tolist()]
            width, filler = min(length, self.longest), self.tokenizer.pad_token_id
            ids, mask = zip(*(_padded(tokens[text], width, filler) for _, text in chosen), strict=True)
            scores[places] = self.batching.run(self._match, [seen[crop] for crop, _ in chosen], ids, mask)
        return scores

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        found: Any = self.tokenizer(list(texts), truncation=True, max_length=self.longest)
        return list(found["input_ids"])

    def _see(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.model.vision_model(normalised(pixels, self.mean, self.std)).last_hidden_state
        return found

    def _match(self, seen: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        read = self.model.text_encoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=seen)
        logits: Tensor = self.model.itm_head(read.last_hidden_state[:, 0])
        return logits.float().softmax(-1)[:, _MATCH]


def _padded(tokens: np.ndarray, length: int, filler: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens filled up to a length, and 1 where they are their own."""
    missing = length - len(tokens)
    ids = np.pad(tokens, (0, missing), constant_values=filler)
    return ids, np.pad(np.ones_like(tokens), (0, missing))
