"""A manifest of a run for tests that need one without a run."""

from __future__ import annotations

from typing import Any

from dj_assets.home.run_manifest import RunManifest

_CONTENT = {
    "run_id": "20260101T000000.000000Z-0a0a0a0a",
    "finished": "2026-01-01T00:00:00+00:00",
    "recipe": "recipe.yaml",
    "name": "group/subset",
    "process": [{"text_length_filter": {"min_len": 10}}],
    "stats_hash": "1b1b",
    "refined_hash": "2c2c",
    "result_key": "0a0a0a0a0a0a0a0a",
    "samples_in": 10,
    "samples_out": 6,
    "dropped": 3,
    "quarantined": 1,
    "dropped_by_load": 0,
    "quarantined_by_load": 0,
    "retention": 0.6,
    "funnel": [],
    "models": [],
    "shards": [],
    "seconds": {},
    "versions": {},
    "measure_key": "3d3d",
    "refined": [],
}


def manifest_of_test(**changed: Any) -> RunManifest:
    """Return a manifest with some values of its own."""
    return RunManifest.of_json(_CONTENT | changed)
