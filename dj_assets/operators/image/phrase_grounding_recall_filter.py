"""Filter samples by the share of noun phrases that OWL-ViT finds in their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import Uint8s, preprocessing
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import ListRangeFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Crop, Flips
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.noun_phrases import SENTENCES, TAGGER, noun_phrases
from dj_assets.operators.views.scores import LISTS, Reduction, lists, reduced

if TYPE_CHECKING:
    from dj_assets.models.vision.grounding import Boxes


@register("phrase_grounding_recall_filter")
class PhraseGroundingRecallFilter(ListRangeFilter):
    """Keep samples whose chunks of text, any or all, have a share of phrases found in their images between two bounds.

    The phrases are the noun phrases of the text, as tagged by NLTK. OWL-ViT searches them in the images (Minderer et
    al. 2022). Of its boxes with a score above `conf_thr`, the best n are examined, where n is the number of phrases. A
    box is a hit unless its phrase already has one, it covers more than `large_area_ratio_thr` of the image, or it
    overlaps an earlier hit by more than `iou_thr`. The statistic is the share of phrases with a hit, 1.0 for a chunk
    without phrases. `reduce_mode` combines the images of a chunk into one number. A chunk has no number if it contains
    no image token, or if no listed image is left for it.
    """

    bounds = ("min_recall", "max_recall")
    media: ClassVar[Literal["images"]] = "images"
    packages: ClassVar[Mapping[str, str]] = {"PIL": "vision", "transformers": "vision", "nltk": "nltk"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("phrase_grounding_recall", LISTS, "share of phrases found for each chunk"),
    )

    hf_owlvit: str = "google/owlvit-base-patch32"
    min_recall: float = 0.1
    max_recall: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    reduce_mode: Reduction = "avg"
    iou_thr: float = 0.5
    large_area_ratio_thr: float = 0.95
    conf_thr: float = 0.0

    def models(self) -> tuple[str, ...]:
        """Return the names of the OWL-ViT model and of the NLTK models."""
        return (self.hf_owlvit, TAGGER, SENTENCES)

    def features_for(self, models: ModelStore) -> tuple[Crop]:
        """Return the crop that the model takes."""
        geometry = preprocessing(models.find(self.hf_owlvit).path).geometry
        return (Crop(geometry, Flips(self.horizontal_flip, self.vertical_flip)),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the share of phrases found for every chunk."""
        tagger, sentences = (batch.models.find(name).path for name in (TAGGER, SENTENCES))
        chunks = media(batch).chunks("images")
        phrases = [[noun_phrases(chunk.text, tagger, sentences) for chunk in sample] for sample in chunks]
        return {"phrase_grounding_recall": lists(self.recalls(batch, phrases))}

    def recalls(self, batch: Batch, phrases: Sequence[Sequence[Sequence[str]]]) -> list[list[float]]:
        """Return the share of phrases found for every chunk, given its phrases."""
        crops = media(batch).values("images", *self.features_for(batch.models))
        asked = [
            (crop, chunk_phrases)
            for images, chunks, wanted in zip(crops, media(batch).chunks("images"), phrases, strict=True)
            for (_, which), chunk_phrases in zip(chunks, wanted, strict=True)
            if chunk_phrases
            for crop in images[which]
        ]
        boxes = iter(self._boxes(batch, asked) if asked else [])
        return [
            [
                reduced([self.recall(next(boxes), len(chunk_phrases)) for _ in images[which]], self.reduce_mode)
                if chunk_phrases
                else 1.0
                for (_, which), chunk_phrases in zip(chunks, wanted, strict=True)
            ]
            for images, chunks, wanted in zip(crops, media(batch).chunks("images"), phrases, strict=True)
        ]

    def _boxes(self, batch: Batch, asked: Sequence[tuple[Uint8s, Sequence[str]]]) -> list[Boxes]:
        detector = load.phrase_detector(batch.models.find(self.hf_owlvit).path)
        return detector.boxes([crop for crop, _ in asked], [image_phrases for _, image_phrases in asked])

    def recall(self, boxes: Boxes, phrases: int) -> float:
        """Return the share of phrases with a hit."""
        best = [index for index in np.argsort(-boxes.scores, kind="stable") if boxes.scores[index] > self.conf_thr]
        hits: dict[int, np.ndarray] = {}
        for index in best[:phrases]:
            phrase, box = int(boxes.phrases[index]), boxes.corners[index]
            too_large = area(box) > self.large_area_ratio_thr
            if phrase in hits or too_large or any(overlap(box, hit) > self.iou_thr for hit in hits.values()):
                continue
            hits[phrase] = box
        return len(hits) / phrases


def area(box: np.ndarray) -> float:
    """Return the area of a box given by left, top, right and bottom."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection of two boxes divided by their union; 0.0 if the union has no area."""
    inner = np.concatenate([np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])])
    common = area(inner) if (inner[2:] > inner[:2]).all() else 0.0
    union = area(first) + area(second) - common
    return common / union if union > 0 else 0.0
