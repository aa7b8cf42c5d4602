from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.recipe.plan import digest
from dj_assets.replay import result
from dj_assets.replay.result import DuplicatesVersion, FileCounts

KEPT = st.lists(st.just(-1) | st.integers(0, 30), min_size=9, max_size=9)


@pytest.mark.parametrize("chunk", [1, 4, 100])
@settings(deadline=None)
@given(own=KEPT, theirs=KEPT, cut=st.integers(0, 9))
def test_the_version_is_the_digest_of_all_kept_duplicates(
    chunk: int, own: list[int], theirs: list[int], cut: int
) -> None:
    before, result._CHUNK = result._CHUNK, chunk
    try:
        version = DuplicatesVersion(9)
        for numbers in (own, theirs):
            sample = np.array([i for i, number in enumerate(numbers) if number >= 0], np.int64)
            for part in (sample[sample < cut], sample[sample >= cut]):
                version.add(part, np.array(numbers, np.int64)[part])
            version.end()
    finally:
        result._CHUNK = before
    lists = [np.array(numbers, np.int64).tobytes().hex() for numbers in (own, theirs) if max(numbers) >= 0]
    assert version.digest() == digest([9, *lists])


def test_a_shard_is_counted_step_by_step() -> None:
    fate = np.array([-1, 0, 1, 1, 1, -1], np.int16)
    failed = np.array([False, True, False, False, False, False])
    counts = FileCounts.of(3, fate, failed, duplicates=np.array([2, 4]), against=np.array([False, True]))
    assert (counts.rows, counts.kept, counts.duplicates) == (6, 2, 2)
    assert (counts.ended, counts.quarantined, counts.against) == ((1, 3, 0), (1, 0, 0), (0, 1, 0))
