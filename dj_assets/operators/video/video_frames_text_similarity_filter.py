"""Filter samples by the CLIP similarity of the frames of their clips and their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.clip_frames import FramesFilter
from dj_assets.operators.registry import register
from dj_assets.operators.views.crops import Flips, FrameCrops
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import LISTS, lists, over_frames, reduced, text_vectors


@register("video_frames_text_similarity_filter")
class VideoFramesTextSimilarityFilter(FramesFilter):
    """Keep samples whose chunks of text, any or all, have a CLIP similarity to the frames of their clips within bounds.

    The statistic is the same as in `image_text_similarity_filter`. `reduce_mode` combines all frames of all clips of a
    chunk into one number, 0.0 if there are none. A chunk has no number if it contains no video token, or if no listed
    clip is left for it.
    """

    bounds = ("min_score", "max_score")
    packages: ClassVar[Mapping[str, str]] = {"decord": "vision", "safetensors": "vision"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("video_frames_text_similarity", LISTS, "scaled cosine of each chunk"),
    )

    hf_clip: str = "openai/clip-vit-base-patch32"
    min_score: float = 0.1
    max_score: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frame crops that the model takes."""
        geometry = preprocessing(models.find(self.hf_clip).path).geometry
        flips = Flips(self.horizontal_flip, self.vertical_flip)
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num, flips),)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the similarity of every chunk."""
        chunks = media(batch).chunks("videos")
        texts = [chunk.text for sample in chunks for chunk in sample]
        if not texts:
            return {"video_frames_text_similarity": lists([[] for _ in chunks])}
        path = batch.models.find(self.hf_clip).path
        model = load.clip(path)
        (feature,) = self.features_for(batch.models)
        seen = over_frames(batch, feature, f"clip {path}", model.encode_images)
        read = text_vectors(batch, path, texts)
        return {
            "video_frames_text_similarity": lists(
                [
                    [
                        reduced(
                            [model.similarity(frame, read[text]) for frames in clips[which] for frame in frames],
                            self.reduce_mode,
                        )
                        for text, which in sample
                    ]
                    for clips, sample in zip(seen, chunks, strict=True)
                ]
            )
        }
