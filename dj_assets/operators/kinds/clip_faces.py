"""Define the base class of operators that look for faces in clips, by dlib or by a file that the recipe names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from dj_assets.media.clip_faces import FoundFaces
from dj_assets.media.faces import Face
from dj_assets.media.frame_parts import FramesFrom
from dj_assets.models.vision.yunet import yunet
from dj_assets.operators.base import Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.human import of_clip
from dj_assets.operators.views.media_batch import media


class ClipFacesOperator(Operator):
    """Look for faces in clips by the YuNet file that `face_model` names; frames have at most 1280 pixels a side then.

    It is found like every model, and runs outside of the process that decodes.
    """

    face_model: Annotated[str | None, Field(min_length=1, exclude_if=lambda name: name is None)] = None

    def faces_by_file(self, one: Batch, clip: int, step: int = 1) -> FoundFaces:
        """Return the faces in every `step`-th frame of a clip of the only sample of a batch, beginning with that frame.

        Raises
        ------
        UserError
            If the file is no model of this kind.
        """
        detector = yunet(one.models.find(str(self.face_model)).path)
        boxes: list[np.ndarray] = []
        while True:
            feature = FramesFrom(step - 1 + len(boxes) * step, step)
            part = of_clip(one, clip, feature)
            media(one).forget(feature)
            boxes += [_sides(detector.faces(frame, part.width, part.height)) for frame in part.pixels]
            if feature.first + feature.step * feature.count >= part.length:
                return FoundFaces(part.fps, part.width, part.height, tuple(boxes))


def _sides(faces: tuple[Face, ...]) -> np.ndarray:
    """Return boxes as `x1, y1, x2, y2`, shape `(faces, 4)`."""
    sides: Iterator[tuple[int, int, int, int]] = (
        (face.left, face.top, face.left + face.width, face.top + face.height) for face in faces
    )
    return np.array(list(sides), float).reshape(-1, 4)
