"""Media for tests: batches of samples that list files, and a reader that all tests of a process share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from dj_assets.media.access import MediaAccess
from dj_assets.media.locations import Root
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.reader import MediaReader
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch


@cache
def reader() -> MediaReader:
    return MediaReader()


def with_media(batch: Batch, root: Path | str = ".", keys: MediaKeys | None = None) -> Batch:
    """Return a batch that knows where its media lie."""
    return replace(batch, media_access=MediaAccess(keys or MediaKeys(), Root(str(root)), reader()))


def samples(
    records: Sequence[dict[str, Any]],
    root: Path | str,
    *,
    models: ModelStore | None = None,
    keys: MediaKeys | None = None,
) -> Batch:
    """Return the batch of JSON records: `text`, and `images` or `videos` with paths under `root`."""
    batch = Batch.of_texts([record.get("text", "") for record in records], models)
    fields = pa.array([json.dumps(record) for record in records], pa.string())
    return with_media(replace(batch, rows=batch.rows.append_column("fields", fields)), root, keys)
