"""Operators over images and clips that need no model against the outputs of Data-Juicer 1.6.1, sample by sample."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import shared

pytestmark = pytest.mark.shared

OPERATORS = [
    "image_aspect_ratio_filter",
    "image_deduplicator",
    "image_shape_filter",
    "image_size_filter",
    "video_aspect_ratio_filter",
    "video_deduplicator",
    "video_duration_filter",
    "video_motion_score_filter",
    "video_resolution_filter",
]


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", shared() / "tools/conformance.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("operator", OPERATORS)
def test_agrees_with_data_juicer(conformance: ModuleType, tmp_path: Path, operator: str) -> None:
    folder = shared() / "conformance/multimodal"
    check = conformance.check_media_dedup if operator.endswith("deduplicator") else conformance.check_multimodal
    wrong = dict(check(folder, tmp_path, {operator}))
    assert wrong
    assert not any(wrong.values()), wrong
