"""The people in the clips of a sample: frames and ribbons as in the report, made by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dj_assets.analysis.people import ClipOfPeople, PeopleOfRun
from dj_assets.evaluation.humanvbench.selection import clips_of_sample
from dj_assets.operators.batch import META
from dj_assets.views.page.people import LEGEND, shown_clip


@dataclass(frozen=True)
class PeopleSheets:
    """The sheets of the samples of one run."""

    run: PeopleOfRun

    def clips(self, name: str, fields: Mapping[str, Any]) -> list[ClipOfPeople]:
        """Return the clips of a sample that have tracks, given its id and its fields; also of one that was dropped."""
        meta = fields.get(META)
        try:
            found = clips_of_sample(meta) if isinstance(meta, Mapping) else []
        except (TypeError, KeyError, AttributeError, ZeroDivisionError):
            # fields of these names are not those of the operators
            return []
        return [ClipOfPeople(name, number, about) for number, about in enumerate(found, 1)]

    def sheets(self, name: str, fields: Mapping[str, Any]) -> list[str]:
        """Return the legend and one sheet for each clip as markup, in which every text of the data is escaped."""
        clips = self.clips(name, fields)
        return [LEGEND, *(shown_clip(self.run, clip) for clip in clips)] if clips else []
