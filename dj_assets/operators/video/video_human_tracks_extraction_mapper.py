"""Find the people in clips, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dj_assets.media.clip_faces import ClipFaces, FoundFaces
from dj_assets.media.feature import MediaFeature
from dj_assets.media.frame_parts import FramesFrom
from dj_assets.media.small_frames import SmallFrames
from dj_assets.media.track_crops import TrackCrops
from dj_assets.models.human.identity import face_encoder
from dj_assets.models.human.people import FaceDistance, people_of
from dj_assets.models.human.person_boxes import estimated, person_detector
from dj_assets.models.human.tracks import Track
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.clip_faces import ClipFacesOperator
from dj_assets.operators.kinds.human import ClipAnnotator, of_clip, per_clip, per_track
from dj_assets.operators.registry import register
from dj_assets.operators.views.human_tracks import FIELD, TRACKS, as_field, boxes_of
from dj_assets.operators.views.media_batch import media

# Data-Juicer compares crops of this context; encoders scale them to their own size.
_EDGE, _CONTEXT = 224, 0.4


@register("video_human_tracks_extraction_mapper")
class VideoHumanTracksExtractionMapper(ClipFacesOperator, ClipAnnotator):
    """Write the tracks of the people in every clip, and a lower bound of their number, into `__dj__meta__`.

    A track has the box of a face and of a person for each of its frames. Faces are found by dlib's detector of frontal
    faces of at least about 80 of 640 pixels; or by YuNet, also small ones and those in profile, if `face_model` names
    its ONNX file, such as that of [OpenCV](https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet)
    (MIT). Overlapping faces are linked. Persons are found by `person_model`, a detector in the format of transformers;
    without one, the box of a standing person is estimated from each face. The tracks of one person are merged if they
    overlap, and, if `identity_model` names an image encoder for faces in the format of transformers, if the cosine
    distance of their faces is at most 0.85. At most five tracks of more than 15 frames are kept. A whole clip is one
    scene.

    The tracks are the field `human_tracks`, in the Parquet files like every other; no pickles are written or read.
    `tag_field_name_human_track_path` names the place of each track there, `tag_field_name_people_num` the numbers of
    people. `face_track_bbox_path` and the paths of models whose licences do not fit have no effect.
    """

    packages: ClassVar[Mapping[str, str]] = {"av": "vision", "dlib": "human"}
    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {
            FIELD: TRACKS,
            f"{META}.{operator.tag_field_name_human_track_path}": per_track(pa.struct([("bbox_path", pa.string())])),
            f"{META}.{operator.tag_field_name_people_num}": per_clip(pa.int64()),
        }
    )

    person_model: str | None = Field(None, min_length=1)
    identity_model: str | None = Field(None, min_length=1)
    tag_field_name_human_track_path: str = Field("human_track_data_path", min_length=1)
    tag_field_name_people_num: str = Field("number_people_in_video", min_length=1)

    def models(self) -> tuple[str, ...]:
        """Return the names of the detectors of faces and persons, and of the encoder of faces, as far as named."""
        return tuple(name for name in (self.face_model, self.person_model, self.identity_model) if name)

    def features(self) -> tuple[MediaFeature[object], ...]:
        """Return the faces, with a file of a detector the first frame; and frames for the detector of persons."""
        faces: MediaFeature[Any] = FramesFrom(count=1) if self.face_model else ClipFaces()
        frames: tuple[MediaFeature[Any], ...] = (SmallFrames(),) if self.person_model else ()
        return (faces, *frames)

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the tracks and numbers of people of every sample."""
        tracks, paths, people = [], [], []
        found_faces = self._faces(batch)
        for index, (faces, persons) in enumerate(zip(found_faces, self._persons(batch, found_faces), strict=True)):
            one = batch.slice(index, 1)
            found = [
                people_of(own.boxes, boxes, self._distance(one, clip))
                for clip, (own, boxes) in enumerate(zip(faces, persons, strict=True))
            ]
            clips = [[as_field(track, own.fps) for track in of] for (of, _), own in zip(found, faces, strict=True)]
            tracks.append(clips)
            paths.append(
                [
                    [{"bbox_path": f"human_tracks/{clip}/{track}"} for track in range(len(of))]
                    for clip, of in enumerate(clips)
                ]
            )
            people.append([count for _, count in found])
        values = (tracks, paths, people)
        return {name: pa.array(value, kind) for (name, kind), value in zip(self.fields.items(), values, strict=True)}

    def _distance(self, one: Batch, clip: int) -> FaceDistance:
        """Return what compares the last face of a track with the first one of another, in a clip of one sample."""
        if self.identity_model is None:
            return _alike
        encoder = face_encoder(one.models.find(self.identity_model).path)

        def compared(first: Track, second: Track) -> float:
            ends = (first, len(first) - 1), (second, 0)
            boxes = [boxes_of(track, track.faces, [at]) for track, at in ends]
            crops = [of_clip(one, clip, TrackCrops(box, _EDGE, _CONTEXT))[0] for box in boxes]
            return encoder.distance(*crops)

        return compared

    def _faces(self, batch: Batch) -> list[list[FoundFaces]]:
        """Return the faces in every frame of every clip of every sample."""
        seen = media(batch)
        if self.face_model is None:
            return seen.values("videos", ClipFaces())
        lengths = [len(clips) for clips in seen.listed("videos")]
        return [
            [self.faces_by_file(batch.slice(index, 1), clip) for clip in range(length)]
            for index, length in enumerate(lengths)
        ]

    def _persons(self, batch: Batch, faces: Sequence[Sequence[FoundFaces]]) -> list[list[list[np.ndarray]]]:
        """Return the persons in every frame of every clip of every sample, whose faces were found."""
        if self.person_model is None:
            return [[_estimated(clip) for clip in sample] for sample in faces]
        frames = media(batch).values("videos", SmallFrames())
        return [
            [_found(batch.models, self.person_model, *clip) for clip in zip(own, map(list, small), strict=True)]
            for own, small in zip(faces, frames, strict=True)
        ]


def _estimated(clip: FoundFaces) -> list[np.ndarray]:
    return [estimated(boxes, clip.width, clip.height) for boxes in clip.boxes]


def _found(models: ModelStore, name: str, clip: FoundFaces, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    scale = clip.width / frames[0].shape[1] if len(frames) else 1.0
    return [boxes * scale for boxes in person_detector(models.find(name).path).persons(frames)]


def _alike(_first: Track, _second: Track) -> float:
    """Return the distance of faces that are not compared."""
    return 0.0
