"""The pair sheet of a sample: both images with all candidate boxes, the heat map, and the captions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from dj_assets.analysis.image_pairs import PairBox, PairsOfRun
from dj_assets.errors import MediaError
from dj_assets.explore.samples import Samples
from dj_assets.loopback import Reply
from dj_assets.publish.database import SamplePosition
from dj_assets.views.pair_legend import label_of, legend, style_of
from dj_assets.views.pair_pictures import heat_map, png, reduced

# The longer side of the heat map in pixels.
_EDGE = 800


@dataclass(frozen=True)
class PairSheets:
    """The pair sheets of the samples of one run."""

    run: PairsOfRun
    samples: Samples

    def sheet(self, cursor: duckdb.DuckDBPyConnection, position: SamplePosition) -> dict[str, Any] | None:
        """Return the content of the sheet of a sample, None if the sample has no pair of images."""
        pair = self.run.pair(cursor, position) if self.run.has_pairs else None
        if pair is None:
            return None
        return {
            "captions": [[asdict(part) for part in caption] for caption in pair.captions],
            "boxes": [self._box(box, position) for box in pair.boxes],
            "legend": [asdict(entry) for entry in legend(self.run.plan, pair)],
        }

    def heat(self, cursor: duckdb.DuckDBPyConnection, position: SamplePosition) -> Reply:
        """Return the heat map of the pair of a sample as a PNG file.

        Raises
        ------
        MediaError
            If the sample has no pair of images, or one of them cannot be opened.
        """
        pair = self.run.pair(cursor, position) if self.run.has_pairs else None
        pictures = None if pair is None else self.run.pictures(pair)
        if pictures is None:
            raise MediaError("the sample has no two images that can be opened")
        return Reply(png(reduced(heat_map(*pictures), _EDGE)), "image/png")

    def _box(self, box: PairBox, position: SamplePosition) -> dict[str, Any]:
        return {
            "area": box.area,
            "id": box.id,
            "position": self.samples.position(*box.position),
            "style": style_of(self.run.plan, box.outcome),
            "label": label_of(box.outcome),
            "reason": box.outcome.reason,
            "values": box.values,
            "here": box.position == position,
        }
