"""Select annotated clips for the tasks of HumanVBench, by SQL over the refined subset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.evaluation.humanvbench.tasks import TASKS, Task
from dj_assets.models.human.tracks import Track
from dj_assets.operators.kinds.human import EMPTY
from dj_assets.operators.views.human_tracks import of_field

# One row for each clip. A track that covers only a part of the clip makes it `partly`.
CLIPS = """
SELECT __dj_id__ AS sample, index AS clip, list_extract(videos, index) AS video, own,
       list_extract(meta.number_people_in_video, index) AS people,
       len(own) AS tracks,
       list_max(list_transform(own, lambda track: (track.start + len(track.faces)) / track.fps)) AS seconds,
       list_min(list_transform(own, lambda track: len(track.faces)))
         < list_max(list_transform(own, lambda track: track.start + len(track.faces))) AS partly,
       list_extract(meta.video_audio_tags, index) AS tag,
       tag = 'Speech' AS speech,
       list_extract(meta.active_speaker_flag, index) AS speaks,
       len(list_filter(speaks, lambda flag: flag)) AS active,
       list_extract(meta.active_speaker_seconds, index) AS spoken,
       list_transform(own, lambda track: [track.start / track.fps, (track.start + len(track.faces)) / track.fps])
         AS spans,
       list_extract(meta.video_facetrack_attribute_emotion, index) AS emotions,
       list_extract(meta.video_description, index) AS description,
       nullif(list_extract(meta.speech_ASR, index).asr, 'EMPTY') AS words
FROM (
  SELECT __dj_id__, videos, __dj__meta__ AS meta, index, list_extract(__dj__meta__.human_tracks, index) AS own
  FROM (SELECT *, unnest(range(1, len(videos) + 1)) AS index FROM samples)
)
"""

# Annotations that a recipe may leave out; tracks and the number of people it needs.
_OPTIONAL = {
    "video_audio_tags": "VARCHAR[]",
    "active_speaker_flag": "BOOLEAN[][]",
    "active_speaker_seconds": "DOUBLE[][][][]",
    "video_facetrack_attribute_emotion": "VARCHAR[][]",
    "video_description": "VARCHAR[]",
    "speech_ASR": "STRUCT(language VARCHAR, asr VARCHAR)[]",
}


@dataclass(frozen=True)
class AnnotatedClip:
    """Hold what is known about one clip: its tracks in seconds, who speaks, its sound, its words, its description.

    `spans` has the first and last second of every track, `speaks` whether its person speaks, `spoken` the seconds from
    which and to which it does, empty where they are not known.
    """

    spans: tuple[tuple[float, float], ...]
    speaks: tuple[bool, ...]
    people: int
    tag: str
    words: str
    description: str
    spoken: tuple[tuple[tuple[float, float], ...], ...] = ()


def candidates(refined: Sequence[Path], tasks: Sequence[Task] = TASKS) -> pa.Table:
    """Return the clips that suit each task.

    Parameters
    ----------
    refined
        The Parquet files of the refined subset, with all annotations of HumanVBench.
    tasks
        The tasks to select for.

    Returns
    -------
    pa.Table
        With `task`, `sample`, `clip` (from 1), `video`, `people`, `tracks`, `active` and `words`, in the order of
        tasks, samples and clips.

    Raises
    ------
    UserError
        If the files lack an annotation.
    """
    parts = [
        # conditions are those of this package, none comes from a user
        f"SELECT {number} AS place, '{task.name}' AS task, * FROM clips WHERE {task.condition}"  # noqa: S608
        for number, task in enumerate(tasks)
    ]
    whole = f"SELECT task, sample, clip, video, people, tracks, active, words FROM ({' UNION ALL '.join(parts)})"  # noqa: S608
    return _asked(refined, f"{whole} ORDER BY place, sample, clip")


def annotated_clips(refined: Sequence[Path]) -> dict[tuple[str, int], AnnotatedClip]:
    """Return the annotations of every clip, by the id of its sample and its number, from 1.

    Raises
    ------
    UserError
        If the files lack an annotation.
    """
    rows = _asked(
        refined, "SELECT sample, clip, spans, speaks, people, tag, words, description, spoken FROM clips"
    ).to_pylist()
    return {
        (row["sample"], row["clip"]): AnnotatedClip(
            tuple((start, end) for start, end in row["spans"] or ()),
            tuple(map(bool, row["speaks"] or ())),
            row["people"] or 0,
            row["tag"] or "",
            row["words"] or "",
            row["description"] or "",
            _spoken(row["spoken"]),
        )
        for row in rows
    }


def clips_of_sample(meta: Mapping[str, Any]) -> list[AnnotatedClip]:
    """Return the annotations of every clip of one sample, given its field `__dj__meta__`; none if it has no tracks."""

    def of(name: str, index: int) -> Any:  # noqa: ANN401 - the value of a field
        listed = meta.get(name)
        return listed[index] if isinstance(listed, list) and index < len(listed) else None

    clips = []
    for index, tracks in enumerate(meta.get("human_tracks") or ()):
        spans = tuple(
            (track["start"] / track["fps"], (track["start"] + len(track["faces"])) / track["fps"]) for track in tracks
        )
        words = str((of("speech_ASR", index) or {}).get("asr") or "")
        clips.append(
            AnnotatedClip(
                spans,
                tuple(map(bool, of("active_speaker_flag", index) or ())),
                int(of("number_people_in_video", index) or 0),
                str(of("video_audio_tags", index) or ""),
                "" if words == EMPTY else words,
                str(of("video_description", index) or ""),
                _spoken(of("active_speaker_seconds", index)),
            )
        )
    return clips


def _spoken(tracks: Sequence[Sequence[Sequence[float]]] | None) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(tuple((start, end) for start, end in track) for track in tracks or ())


def tracks_of_clips(refined: Sequence[Path]) -> dict[tuple[str, int], list[tuple[Track, float]]]:
    """Return the tracks of every clip with their frame rates, by the id of its sample and its number, from 1.

    Raises
    ------
    UserError
        If the files lack an annotation.
    """
    rows = _asked(refined, "SELECT sample, clip, own FROM clips").to_pylist()
    return {
        (row["sample"], row["clip"]): [(of_field(track), float(track["fps"])) for track in row["own"] or ()]
        for row in rows
    }


def _asked(refined: Sequence[Path], query: str) -> pa.Table:
    if not refined:
        raise UserError("the subset has no refined Parquet file; no clip was kept, or it was refined as JSON lines")
    with duckdb.connect() as database:
        database.read_parquet([str(path) for path in refined]).create_view("refined")
        try:
            complete = f"CREATE VIEW samples AS SELECT * REPLACE ({_complete(database)}) FROM refined"  # noqa: S608
            database.execute(complete)
            database.execute(f"CREATE TABLE clips AS {CLIPS}")
            return database.sql(query).to_arrow_table()
        except duckdb.BinderException as error:
            problem = str(error).splitlines()[0]
            raise UserError(f"{refined[0]}: lacks an annotation that the tasks need ({problem})") from None


def _complete(database: duckdb.DuckDBPyConnection) -> str:
    """Return SQL for the annotations, in which those that the recipe left out are null."""
    ((kind,),) = database.sql("SELECT DISTINCT typeof(__dj__meta__) FROM (FROM refined LIMIT 1)").fetchall() or [("",)]
    missing = [f"{name} := NULL::{kind_of}" for name, kind_of in _OPTIONAL.items() if name not in kind]
    whole = ", ".join(["__dj__meta__", *missing])
    return f"{f'struct_insert({whole})' if missing else whole} AS __dj__meta__"
