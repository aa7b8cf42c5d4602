"""The people in the clips of a run: who is seen when, who speaks, how many there are, and which tasks clips suit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dj_assets.errors import DjError, UserError
from dj_assets.evaluation.humanvbench.clip_frames import FramesOfRun
from dj_assets.evaluation.humanvbench.selection import AnnotatedClip, annotated_clips, candidates
from dj_assets.evaluation.humanvbench.tasks import TASKS
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.media.marked_frames import MarkedFrames, Moments
from dj_assets.operators.views.human_tracks import has_tracks
from dj_assets.recipe.plan import Plan
from dj_assets.stores.path import source_path

_SMALL = 32


@dataclass(frozen=True)
class ClipOfPeople:
    """One clip of a kept sample with its annotations: the id of the sample, and the number of the clip, from 1."""

    sample: str
    clip: int
    about: AnnotatedClip

    @property
    def end(self) -> float:
        """Return the last second of its tracks."""
        return max((end for _, end in self.about.spans), default=0.0)

    @property
    def counted(self) -> str:
        """Return how many people there are at least, and how many have a track, in words."""
        people = self.about.people
        return f"{people} {'person' if people == 1 else 'people'} at least, {len(self.about.spans)} tracked"

    def speaks(self, number: int) -> bool:
        """Return whether the person of a track speaks, given its number from 1."""
        return number <= len(self.about.speaks) and self.about.speaks[number - 1]

    def spoken(self, number: int) -> tuple[tuple[float, float], ...]:
        """Return the seconds from and to which the person of a track speaks; the whole track if no more is known."""
        if not self.speaks(number):
            return ()
        known = self.about.spoken[number - 1 : number]
        return known[0] if known else (self.about.spans[number - 1],)


@dataclass(frozen=True)
class PeopleOfRun:
    """The people in the kept clips of one run, given the layout of its files, its manifest and its plan."""

    plan: Plan
    layout: Layout
    manifest: RunManifest

    @property
    def has_people(self) -> bool:
        """Return whether kept samples have tracks: of this recipe, or of that of a subset that it was made from."""
        schemas = (pq.read_schema(path) for path in self._refined[:1])
        return any(has_tracks(schema) for schema in schemas)

    @cached_property
    def clips(self) -> tuple[ClipOfPeople, ...]:
        """Return all kept clips, in the order of samples and clips; none if the recipe names its fields otherwise."""
        with suppress(UserError):
            found = annotated_clips(self._refined)
            return tuple(ClipOfPeople(*key, found[key]) for key in sorted(found))
        return ()

    def examples(self, most: int) -> list[ClipOfPeople]:
        """Return up to `most` clips of different numbers of people, those with more people and a speaker first."""
        by_number: dict[int, list[ClipOfPeople]] = {}
        for clip in sorted(self.clips, key=lambda clip: (not any(clip.about.speaks), clip.sample, clip.clip)):
            by_number.setdefault(clip.about.people, []).append(clip)
        turns = [own[turn : turn + 1] for turn in range(most) for _, own in sorted(by_number.items(), reverse=True)]
        return [clip for own in turns for clip in own][:most]

    def frames(self, clip: ClipOfPeople, count: int, edge: int) -> Moments | None:
        """Return a few small frames of a clip, None if it cannot be opened."""
        with FramesOfRun(self.plan, self.layout, self.manifest) as frames:
            try:
                position = frames.position(clip.sample)
                if position is None or not source_path(self.manifest.file(position[0]).path).exists():
                    return None
                moments = frames.frames(clip.sample, clip.clip, MarkedFrames(count, edge))
            except DjError:
                return None
        return moments if len(moments.pixels) and np.ndim(moments.pixels) == 4 else None

    def length(self, clip: ClipOfPeople) -> float:
        """Return the last second of a clip, or that of its tracks if the clip cannot be opened."""
        moments = self.frames(clip, 2, _SMALL)
        return max((clip.end, *(moments.seconds if moments else ())))

    def balance(self) -> Mapping[str, Mapping[str, int]]:
        """Return the number of clips by people, by people who speak, by sound, and by task that they suit."""
        about = [clip.about for clip in self.clips]
        speakers = (str(sum(one.speaks)) for one in about)
        suit = Counter(candidates(self._refined).column("task").to_pylist())
        return {
            "people": dict(sorted(Counter(str(one.people) for one in about).items(), key=lambda item: int(item[0]))),
            "people who speak": dict(sorted(Counter(speakers).items(), key=lambda item: int(item[0]))),
            "sound": dict(Counter(one.tag or "no tag" for one in about).most_common()),
            "tasks of HumanVBench": {task.name.replace("_", " "): suit[task.name] for task in TASKS},
        }

    @property
    def _refined(self) -> list[Path]:
        parts = (self.layout.refined / part.name for part in self.manifest.refined if part.samples)
        return [path for path in parts if path.suffix == ".parquet" and path.exists()]
