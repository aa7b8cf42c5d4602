"""Check whether the statistics of media are still valid: the files are unchanged, and decoded as they were."""

from __future__ import annotations

from dataclasses import replace

from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.measure.listed_fields import holds_files
from dj_assets.measure.measure_file import reader_of
from dj_assets.measure.media_files import media_unchanged
from dj_assets.measure.media_stage import clip_decoders, close_readers
from dj_assets.measure.tally import FileTask
from dj_assets.measure.work import Task, decoded_otherwise_than_before
from dj_assets.media.decoded_by import DECODERS


def media_up_to_date(task: Task, layout: Layout, stored: FileManifest, file: FileTask) -> bool:
    """Return whether all media of a measured file are unchanged, and decoded as they were when it was measured.

    An earlier version misread some clips, and no media that records hold themselves. Its manifests are checked once:
    the headers of the clips are read again, and a file of which none was misread stays valid.
    """
    if not media_unchanged(layout, stored):
        return False
    if stored.decoders == DECODERS or not task.plan.media:
        return True
    if holds_files(task.plan, layout, stored) or _misread(task, file):
        return False
    replace(stored, decoders=DECODERS).write(layout)
    return True


def _misread(task: Task, file: FileTask) -> bool:
    if not clip_decoders(task.plan, task.models):
        return False
    try:
        blocks = reader_of(file, task.plan.block_bytes).blocks()
        return any(decoded_otherwise_than_before(task, str(file.file.path), block) for block in blocks)
    finally:
        close_readers()
