"""The tracks of people in the clips of samples, as the field that `video_human_tracks_extraction_mapper` writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dj_assets.media.track_crops import FrameBox
from dj_assets.models.human.tracks import Track
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.views.sample_fields import field_values

FIELD = f"{META}.human_tracks"
_BOXES = pa.list_(pa.list_(pa.float64()))
# One track: its frames have no gaps. The rates are the real ones of the clips.
TRACK = pa.struct(
    [
        ("start", pa.int64()),
        ("fps", pa.float64()),
        ("faces", _BOXES),
        ("interpolated", pa.list_(pa.bool_())),
        ("persons", _BOXES),
    ]
)
TRACKS = pa.list_(pa.list_(TRACK))
_ROWS = pa.schema(
    [
        ("clip", pa.string()),
        ("track", pa.int32()),
        ("frame", pa.int64()),
        ("fps", pa.float64()),
        *((f"face_{side}", pa.float64()) for side in ("x1", "y1", "x2", "y2")),
        *((f"person_{side}", pa.float64()) for side in ("x1", "y1", "x2", "y2")),
        ("interpolated", pa.bool_()),
    ]
)


def as_field(track: Track, fps: float) -> dict[str, object]:
    """Return a track as a value of the field."""
    return {
        "start": track.start,
        "fps": fps,
        "faces": np.round(track.faces, 2).tolist(),
        "interpolated": track.interpolated.tolist(),
        "persons": np.round(track.persons, 2).tolist(),
    }


def of_field(value: Mapping[str, Any]) -> Track:
    """Return the track that a value of the field holds."""
    faces, persons = (np.array(value[name], float).reshape(-1, 4) for name in ("faces", "persons"))
    return Track(int(value["start"]), faces, np.array(value["interpolated"], bool), persons)


def has_tracks(schema: pa.Schema) -> bool:
    """Return whether refined samples of a schema have the field.

    Examples
    --------
    >>> has_tracks(pa.schema([("text", pa.string())]))
    False
    """
    kind = schema.field(META).type if META in schema.names else None
    return isinstance(kind, pa.StructType) and kind.get_field_index(FIELD.removeprefix(f"{META}.")) >= 0


def tracks_of(batch: Batch) -> list[list[list[tuple[Track, float]]] | None]:
    """Return the tracks of every clip of every sample with their frame rates; None for samples without the field."""
    found: list[list[list[tuple[Track, float]]] | None] = []
    for value in field_values(batch, FIELD):
        clips = value if isinstance(value, list) else None
        found.append(
            None if clips is None else [[(of_field(track), float(track["fps"])) for track in clip] for clip in clips]
        )
    return found


def boxes_of(track: Track, boxes: np.ndarray, indices: Iterable[int]) -> tuple[FrameBox, ...]:
    """Return the numbers and boxes of some frames of a track, given by their index in the track."""
    found: list[FrameBox] = []
    for index in indices:
        x1, y1, x2, y2 = map(float, boxes[index])
        found.append((track.start + index, x1, y1, x2, y2))
    return tuple(found)


def rows(samples: Iterable[tuple[Sequence[str], Sequence[Sequence[Mapping[str, Any]]]]]) -> pa.Table:
    """Return tracks as a table with one row for each frame of each track.

    Parameters
    ----------
    samples
        The paths of the clips and the value of the field, for each sample.

    Returns
    -------
    pa.Table
        With `clip`, `track`, `frame`, `fps`, the sides of face and person in pixels, and `interpolated`.
    """
    found: list[dict[str, object]] = []
    for paths, clips in samples:
        for path, tracks in zip(paths, clips, strict=True):
            for number, value in enumerate(tracks):
                track = of_field(value)
                for index, frame in enumerate(track.frames.tolist()):
                    names = ("x1", "y1", "x2", "y2")
                    faces = {f"face_{side}": float(track.faces[index, at]) for at, side in enumerate(names)}
                    persons = {f"person_{side}": float(track.persons[index, at]) for at, side in enumerate(names)}
                    where = {"clip": path, "track": number, "frame": frame, "fps": value["fps"]}
                    found.append({**where, **faces, **persons, "interpolated": bool(track.interpolated[index])})
    return pa.Table.from_pylist(found, _ROWS)
