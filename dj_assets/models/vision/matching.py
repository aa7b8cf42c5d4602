"""Score whether a text describes a picture: BLIP's matching head (Li et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dj_assets.models.vision.backend import Array, Floats
from dj_assets.models.vision.bert_tokens import bert_tokens
from dj_assets.models.vision.checkpoint import read_json, read_weights
from dj_assets.models.vision.device import Batching, Device
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.models.vision.transformer import (
    Affine,
    LayerNames,
    Parts,
    Patches,
    Tower,
    attended,
    linear,
    side_by_side,
)

_MATCH = 1
# The projections of picture and text, which the matching head does not use.
_PROJECTED = ("vision", "text")
_PARTS = {"": "weight", ".bias": "bias"}
# Texts of similar length are computed together; each length is rounded up to a multiple of this.
_STEP = 16
_LAYER = LayerNames(
    first_norm="layer_norm1",
    inward=("self_attn.qkv",),
    outward="self_attn.projection",
    second_norm="layer_norm2",
    wide="mlp.fc1",
    narrow="mlp.fc2",
)
_PATCHES = {
    "patch": "embeddings.patch_embedding",
    "first": "embeddings.class_embedding",
    "positions": "embeddings.position_embedding",
}


class ImageTextMatcher:
    """A checkpoint of Hugging Face's `BlipForImageTextRetrieval`."""

    def __init__(self, folder: Path, on: Device) -> None:
        prepared = preprocessing(folder)
        config, weights = read_json(folder, "config.json"), read_weights(folder)
        self.backend = on.backend()
        seeing = Parts(weights, "vision_model.", self.backend)
        self.patches = Patches(seeing, _PATCHES, prepared.mean, prepared.std)
        self.tower = Tower(seeing, "encoder.layers.", _LAYER, config.get("vision_config", {}), 12)
        self.after = seeing.affine("post_layernorm")
        self.reader = CaptionReader(Parts(weights, "text_encoder.", self.backend), config.get("text_config", {}))
        self.head = Parts(weights, "", self.backend).affine("itm_head")
        self.tokens = bert_tokens(folder, len(self.reader.positions))
        self.batching = Batching(self.backend)
        names = {f"{name}_proj{end}": f"{name}_proj.{part}" for name in _PROJECTED for end, part in _PARTS.items()}
        self.projections = {name: weights[of] for name, of in names.items() if of in weights}

    def scores(self, crops: Sequence[Uint8s], texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Floats:
        """Return the probability that the text of each pair describes its picture, shape `(len(pairs),)`.

        Parameters
        ----------
        crops, texts
            Pictures and texts; each is encoded once.
        pairs
            Indices in `crops` and in `texts`; at least one pair.
        """
        return self._scores(self.seen(crops), texts, pairs)

    def seen(self, crops: Sequence[Uint8s]) -> Floats:
        """Return the encoded pictures, for `both_scores`."""
        return self.batching.run(self._see, crops)

    def both_scores(
        self, seen: Floats, texts: Sequence[str], pairs: Sequence[tuple[int, int]]
    ) -> tuple[Floats, Floats]:
        """Return the probability of each pair as `scores`, and the cosine without the matching head.

        The cosine is that of the projected first tokens, with the text read by itself.

        Raises
        ------
        KeyError
            If the checkpoint has no projections.
        """
        vision, reading = (self.backend.array(self.projections[name]) for name in ("vision_proj", "text_proj"))
        vision_bias, reading_bias = (
            self.backend.array(self.projections[f"{name}.bias"]) for name in ("vision_proj", "text_proj")
        )

        def seen_first(first: Array) -> Array:
            return self.backend.unit(self.backend.linear(first, vision, vision_bias))

        def read_first(ids: Array, filler: Array) -> Array:
            read = self.reader(ids, filler[:, None, None, :], None)
            return self.backend.unit(self.backend.linear(read[:, 0], reading, reading_bias))

        tokens = [np.array(encoding.ids, np.int64) for encoding in self.tokens.encode_batch(list(texts))]
        length = min(-(-max(map(len, tokens)) // _STEP) * _STEP, len(self.reader.positions))
        ids, filler = zip(*(_padded(one, length) for one in tokens), strict=True)
        pictures = self.batching.run(seen_first, [picture[0] for picture in seen])
        captions = self.batching.run(read_first, ids, filler)
        cosines = np.array([pictures[crop] @ captions[text] for crop, text in pairs], np.float32)
        return self._scores(seen, texts, pairs), cosines

    def _scores(self, seen: Floats, texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> Floats:
        tokens = [np.array(encoding.ids, np.int64) for encoding in self.tokens.encode_batch(list(texts))]
        lengths = np.array([len(tokens[text]) for _, text in pairs])
        scores = np.empty(len(pairs), np.float32)
        for length in np.unique(-(-lengths // _STEP)) * _STEP:
            indices = np.flatnonzero((lengths <= length) & (lengths > length - _STEP))
            chosen = [pairs[index] for index in indices.tolist()]
            width = min(int(length), len(self.reader.positions))
            ids, filler = zip(*(_padded(tokens[text], width) for _, text in chosen), strict=True)
            scores[indices] = self.batching.run(self._match, [seen[crop] for crop, _ in chosen], ids, filler)
        return scores

    def _see(self, pixels: Array) -> Array:
        return self.tower.norm(self.tower(self.patches(pixels)), self.after)

    def _match(self, seen: Array, ids: Array, filler: Array) -> Array:
        read = self.reader(ids, filler[:, None, None, :], seen)
        return self.backend.softmax(linear(self.backend, read[:, 0], self.head))[:, _MATCH]


@dataclass(frozen=True)
class ReaderLayer:
    """Hold the weights of a layer that attends to the text, then to a picture; each step ends with a norm."""

    inward: Affine
    outward: Affine
    norm: Affine
    asking: Affine
    answering: Affine
    found: Affine
    found_norm: Affine
    wide: Affine
    narrow: Affine
    last_norm: Affine


class CaptionReader:
    """The part of BLIP that encodes a text with attention to a picture."""

    def __init__(self, parts: Parts, config: dict[str, object]) -> None:
        self.backend = parts.backend
        self.words = parts.array("embeddings.word_embeddings.weight")
        self.positions = parts.array("embeddings.position_embeddings.weight")
        self.before = parts.affine("embeddings.LayerNorm")
        numbers = range(parts.count("encoder.layer."))
        self.layers = [_reader_layer(parts.below(f"encoder.layer.{number}.")) for number in numbers]
        self.heads = int(str(config.get("num_attention_heads", 8)))
        self.epsilon = float(str(config.get("layer_norm_eps", 1e-12)))

    def __call__(self, ids: Array, hidden: Array, seen: Array | None) -> Array:
        """Return the encoded tokens, `(n, t, d)`; `hidden` marks padding, `seen` are the encoded pictures, if any."""
        x = self._norm(self.words[ids] + self.positions[: ids.shape[1]], self.before)
        for layer in self.layers:
            self_attended = attended(self.backend, self.heads, side_by_side(self._linear(x, layer.inward), 3), hidden)
            x = self._norm(x + self._linear(self_attended, layer.outward), layer.norm)
            if seen is not None:
                answers = side_by_side(self._linear(seen, layer.answering), 2)
                cross_attended = attended(self.backend, self.heads, [self._linear(x, layer.asking), *answers])
                x = self._norm(x + self._linear(cross_attended, layer.found), layer.found_norm)
            wide = self.backend.gelu(self._linear(x, layer.wide))
            x = self._norm(x + self._linear(wide, layer.narrow), layer.last_norm)
        return x

    def _linear(self, x: Array, layer: Affine) -> Array:
        return linear(self.backend, x, layer)

    def _norm(self, x: Array, norm: Affine) -> Array:
        return self.backend.layer_norm(x, norm.weight, norm.bias, self.epsilon)


def _reader_layer(parts: Parts) -> ReaderLayer:
    self_prefix, cross_prefix = "attention.self.", "crossattention.self."
    return ReaderLayer(
        inward=parts.affine(self_prefix + "query", self_prefix + "key", self_prefix + "value"),
        outward=parts.affine("attention.output.dense"),
        norm=parts.affine("attention.output.LayerNorm"),
        asking=parts.affine(cross_prefix + "query"),
        answering=parts.affine(cross_prefix + "key", cross_prefix + "value"),
        found=parts.affine("crossattention.output.dense"),
        found_norm=parts.affine("crossattention.output.LayerNorm"),
        wide=parts.affine("intermediate.dense"),
        narrow=parts.affine("output.dense"),
        last_norm=parts.affine("output.LayerNorm"),
    )


def _padded(tokens: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens padded to a length, and which of them are padding."""
    return np.pad(tokens, (0, length - len(tokens))), np.arange(length) >= len(tokens)
