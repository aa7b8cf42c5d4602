from __future__ import annotations

import numpy as np

from dj_assets.operators.base import Deduplicator
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.replay.judging import NEVER, first_events, segments_of
from tests.replay.test_replay import Nothing, Ratio, Sign, write

NAN = float("nan")


def test_segments_end_with_their_deduplicator():
    plan = make_plan(Recipe("<dict>", (Ratio(), Sign(), Nothing(), Sign(), Ratio())))
    segments = segments_of(plan)
    assert [[step.index for step in segment.steps] for segment in segments] == [[0, 1], [2, 3], [4]]
    ends = [segment.deduplicator for segment in segments]
    assert [isinstance(step and step.operator, Deduplicator) for step in ends] == [True, True, False]


def test_not_a_number_is_outside_whatever_the_bounds_of_the_file_say(tmp_path):
    # bounds of a column leave NaN out, and a single file is read with its bounds
    plan = make_plan(Recipe("<dict>", (Ratio(),)))
    stats, _ = write(tmp_path, plan, 0, [{"failed_at": -1, "ratio": value} for value in (0.0, NAN, 0.5)])
    none = np.full(3, -1, np.int16)
    for files, failed in (([stats], none), ([stats, stats], np.tile(none, 2))):
        (event,) = first_events(segments_of(plan), files, failed, threads=1)
        assert event.tolist() == [NEVER, 0, NEVER] * len(files)


def test_a_failure_comes_at_its_step(tmp_path):
    plan = make_plan(Recipe("<dict>", (Ratio(min_ratio=0.5), Sign(), Ratio(max_ratio=0.75))))
    column = {"sign_1": 1}
    rows = [{"failed_at": -1, "ratio": value, "ratio_2": value, **column} for value in (0.1, 0.6, 0.9)]
    stats, _ = write(tmp_path, plan, 0, rows)
    first, second = first_events(segments_of(plan), [stats], np.array([1, 0, 2], np.int16), threads=1)
    assert (first.tolist(), second.tolist()) == ([0, 0, NEVER], [NEVER, NEVER, 2])
