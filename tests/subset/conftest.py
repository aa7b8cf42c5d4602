from __future__ import annotations

from pathlib import Path

import pytest

import dj_assets
from tests.documents import documents, write_jsonl

RECIPE = {
    "process": [
        "whitespace_normalization_mapper",
        {"text_length_filter": {"min_len": 20}},
        {"document_simhash_deduplicator": {"window_size": 3}},
    ]
}


@pytest.fixture
def sources(tmp_path) -> list[Path]:
    return [write_jsonl(tmp_path / f"part-{n}.jsonl", documents(200, seed=n)) for n in range(3)]


@pytest.fixture
def out(tmp_path, sources) -> Path:
    dj_assets.run_recipe(RECIPE, sources, tmp_path / "out", workers=1)
    return tmp_path / "out"
