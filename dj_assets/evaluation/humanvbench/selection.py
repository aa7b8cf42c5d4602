"""Select annotated clips for the tasks of HumanVBench, by SQL over the refined subset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from dj_assets.evaluation.humanvbench.tasks import TASKS, Task

# One row for each clip. A track that covers only a part of the clip makes it `partly`.
CLIPS = """
SELECT __dj_id__ AS sample, index AS clip, list_extract(videos, index) AS video,
       list_extract(meta.number_people_in_video, index) AS people,
       len(own) AS tracks,
       list_max(list_transform(own, lambda track: (track.start + len(track.faces)) / track.fps)) AS seconds,
       list_min(list_transform(own, lambda track: len(track.faces)))
         < list_max(list_transform(own, lambda track: track.start + len(track.faces))) AS partly,
       list_extract(meta.video_audio_tags, index) = 'Speech' AS speech,
       len(list_filter(list_extract(meta.active_speaker_flag, index), lambda flag: flag)) AS active,
       list_extract(meta.video_facetrack_attribute_emotion, index) AS emotions,
       list_extract(meta.video_description, index) AS description,
       list_extract(meta.speech_ASR, index).asr AS words
FROM (
  SELECT __dj_id__, videos, __dj__meta__ AS meta, index, list_extract(__dj__meta__.human_tracks, index) AS own
  FROM (SELECT *, unnest(range(1, len(videos) + 1)) AS index FROM samples)
)
"""


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
    """
    with duckdb.connect() as database:
        samples = database.read_parquet([str(path) for path in refined])
        samples.create("samples")
        database.execute(f"CREATE TABLE clips AS {CLIPS}")
        parts = [
            # conditions are those of this package, none comes from a user
            f"SELECT {number} AS place, '{task.name}' AS task, * FROM clips WHERE {task.condition}"  # noqa: S608
            for number, task in enumerate(tasks)
        ]
        whole = f"SELECT task, sample, clip, video, people, tracks, active, words FROM ({' UNION ALL '.join(parts)})"  # noqa: S608
        return database.sql(f"{whole} ORDER BY place, sample, clip").to_arrow_table()
