"""Tag frames of clips: which words of a list name what a frame shows, by CLIP."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Literal

from pydantic import Field

from dj_assets.models import load
from dj_assets.models.store import ModelStore
from dj_assets.models.vision.pixels import preprocessing
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.views.crops import FrameCrops, Sampling
from dj_assets.operators.views.media_batch import media
from dj_assets.operators.views.scores import over_frames, text_vectors

_CAPTION = "a photo of {}"
# The 80 categories of COCO, and words for people and places.
_TAGS = """
" people, man, woman, child, crowd, face, street, city, building, room, kitchen, office, forest, mountain,
beach, sea, sky, snow, garden, road, food, text, screen, stage, bicycle, car, motorcycle, airplane, bus, train,
truck, boat, traffic light, fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports
ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork,
knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair,
couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave,
oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush
"""
USUAL_TAGS = tuple(" ".join(tag.split()) for tag in _TAGS.split(","))


class FrameTagger(MediaOperator):
    """Name what the frames of clips show.

    The tags of a frame are the words of `tag_list` whose CLIP similarity to it is at least `min_similarity`, as "a
    photo of …". The tags of a clip are those of its frames, most frequent first.
    """

    media: ClassVar[Literal["videos"]] = "videos"

    frame_sampling_method: Sampling = "all_keyframes"
    frame_num: int = Field(3, ge=1)
    tag_field_name: str = Field("video_frame_tags", min_length=1)
    hf_clip: str = "openai/clip-vit-base-patch32"
    tag_list: tuple[str, ...] = Field(USUAL_TAGS, min_length=1)
    min_similarity: float = 0.25

    def models(self) -> tuple[str, ...]:
        """Return the name of the CLIP model."""
        return (self.hf_clip,)

    def features_for(self, models: ModelStore) -> tuple[FrameCrops]:
        """Return the frames that the model takes."""
        geometry = preprocessing(models.find(self.hf_clip).path).geometry
        return (FrameCrops(geometry, self.frame_sampling_method, self.frame_num),)

    def tags(self, batch: Batch) -> list[list[list[str]]]:
        """Return the tags of every listed clip, nested like the paths."""
        listed = media(batch).listed("videos")
        if not any(listed):
            return [[] for _ in listed]
        path = batch.models.find(self.hf_clip).path
        model = load.clip(path)
        captions = {_CAPTION.format(tag): tag for tag in self.tag_list}
        read = text_vectors(batch, path, [*captions])
        (feature,) = self.features_for(batch.models)
        clips = over_frames(batch, feature, f"clip {path}", model.encode_images)

        def named(frame: object) -> list[str]:
            scores = {tag: model.similarity(frame, read[caption]) for caption, tag in captions.items()}  # type: ignore[arg-type]
            return sorted((tag for tag in scores if scores[tag] >= self.min_similarity), key=lambda tag: -scores[tag])

        return [
            [
                [tag for tag, _ in Counter(tag for frame in frames for tag in named(frame)).most_common()]
                for frames in own
            ]
            for own in clips
        ]
