"""The same samples in an earlier run: which of them it kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from dj_assets.analysis.run_changes import paired_files
from dj_assets.analysis.run_diff import Run
from dj_assets.explore.samples import Samples
from dj_assets.publish.outcomes import read_outcomes

ABSENT, ENDED, KEPT = -1, 0, 1


def outcomes_before(samples: Samples, now: Run, before: Run) -> npt.NDArray[np.int8]:
    """Return for every sample whether an earlier run kept it (1), ended it (0), or did not read it (-1).

    Samples are the same where they are in the same row of files with the same content.

    Raises
    ------
    UserError
        If the earlier run has no record of outcomes any more.
    """
    record = before.record
    table = pq.read_table(record)
    kept_codes = np.array([outcome.kind == "kept" for outcome in read_outcomes(record)], bool)
    shard, row = table["shard"].to_numpy(), table["row"].to_numpy()
    kept = kept_codes[table["code"].to_numpy()]
    outcomes = np.full(len(samples), ABSENT, np.int8)
    for first, second in paired_files(before.manifest.files, now.manifest.files).items():
        own = samples.of_file(now.manifest.files[second].number)
        number = before.manifest.files[first].number
        start, end = np.searchsorted(shard, [number, number + 1])
        if own.stop == own.start or start == end:
            continue
        rows = samples.row[own]
        at = np.minimum(np.searchsorted(rows, row[start:end]), len(rows) - 1)
        same = rows[at] == row[start:end]
        outcomes[own.start + at[same]] = kept[start:end][same]
    return outcomes


def changed(samples: Samples, before: npt.NDArray[np.int8], change: str) -> npt.NDArray[np.bool_]:
    """Return the samples that are gained or lost since an earlier run; both, where `change` is neither."""
    gained, lost = samples.kept & (before == ENDED), ~samples.kept & (before == KEPT)
    marks: npt.NDArray[np.bool_] = {"gained": gained, "lost": lost}.get(change, gained | lost)
    return marks
