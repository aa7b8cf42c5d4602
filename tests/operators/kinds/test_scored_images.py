"""Filters over classified and rated images: a number for every distinct path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from PIL import Image

from dj_assets.models.store import ModelStore
from dj_assets.models.vision.aesthetics import AestheticsPredictor
from dj_assets.models.vision.classifier import ImageClassifier
from dj_assets.operators.base import Filter
from dj_assets.operators.image.image_aesthetics_filter import ImageAestheticsFilter
from dj_assets.operators.image.image_nsfw_filter import ImageNsfwFilter
from dj_assets.operators.image.image_watermark_filter import ImageWatermarkFilter
from tests.models.vision.tiny import AESTHETICS, AESTHETICS_RELU, NSFW, WATERMARK
from tests.operators.vision import measured, scored, write_images


@pytest.mark.parametrize(
    ("operator", "kind", "method", "name"),
    [
        (ImageNsfwFilter(), ImageClassifier, "probabilities", NSFW),
        (ImageWatermarkFilter(), ImageClassifier, "probabilities", WATERMARK),
        (ImageAestheticsFilter(), AestheticsPredictor, "scores", AESTHETICS),
        (ImageAestheticsFilter(hf_scorer_model=AESTHETICS_RELU), AestheticsPredictor, "scores", AESTHETICS_RELU),
    ],
)
def test_a_number_for_every_distinct_path(
    operator: Filter, kind: type, method: str, name: str, tmp_path: Path, models: ModelStore
) -> None:
    names = write_images(tmp_path)
    records = [{"images": ["b.png", "a.png", "b.png"]}, {"images": []}, {"images": ["c.png"]}]
    found = measured(operator, tmp_path, models, *records)
    said = scored(kind, method, models.find(name).path, [Image.open(tmp_path / one) for one in names])
    a, b, c = (said[:, 1] if said.ndim == 2 else said / 10).tolist()
    assert found[1] == []
    assert found[0] == pytest.approx([b, a], abs=1e-5)
    assert found[2] == pytest.approx([c], abs=1e-5)


def test_the_scale_of_ratings_goes_by_the_name_unless_it_is_given(tmp_path: Path, models: ModelStore) -> None:
    write_images(tmp_path)
    (plain,) = measured(ImageAestheticsFilter(), tmp_path, models, {"images": ["a.png"]})
    (raw,) = measured(ImageAestheticsFilter(score_scale=1), tmp_path, models, {"images": ["a.png"]})
    assert raw == pytest.approx([10 * plain[0]])


@pytest.mark.parametrize(
    ("parameters", "values", "kept"),
    [
        ({}, [0.8, 0.9], True),
        ({}, [0.81, 0.9], False),
        ({"any_or_all": "all"}, [0.8, 0.9], False),
        ({"any_or_all": "all", "prob_threshold": 0.9}, [0.8, 0.9], True),
        ({"any_or_all": "all"}, [], True),
        ({}, [float("nan")], False),
        ({"max_closed_interval": False}, [0.8], False),
        ({"reversed_range": True}, [0.9], True),
    ],
)
def test_a_watermark_is_judged_by_its_threshold_alone(
    parameters: dict[str, Any], values: list[float], kept: bool
) -> None:
    condition = ImageWatermarkFilter(**parameters).condition
    key = "image_watermark_prob"
    keep, reason = condition.keep({key: key}), condition.reason({key: key})
    with duckdb.connect() as database:
        database.register("stats", pa.table({key: pa.array([values], pa.list_(pa.float64()))}))
        row = database.execute(f"SELECT {keep.text}, {reason.text} FROM stats", [*keep.parameters, *reason.parameters])
        found = row.fetchone()
    assert found is not None
    assert found[0] is kept
    assert "min" not in found[1]
    assert "prob_threshold" in found[1]
