"""Operators with models against what Data-Juicer said of the same files with the same tiny models."""

from __future__ import annotations

import fnmatch
import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.tokens import SpecialTokens
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaFilter
from tests.media import samples
from tests.paths import shared

pytestmark = pytest.mark.shared

OPERATORS = [
    "image_text_similarity_filter", "image_text_matching_filter", "image_aesthetics_filter", "image_nsfw_filter",
    "image_watermark_filter", "video_frames_text_similarity_filter", "video_nsfw_filter", "video_watermark_filter",
    "video_aesthetics_filter",
]  # fmt: skip


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def batches() -> dict[tuple[str, str], Batch]:
    """Return the batches made so far, by kind of media and image mark: a file is decoded once for all variants."""
    return {}


def batch_of(batches: dict[tuple[str, str], Batch], folder: Path, kind: str, tokens: SpecialTokens) -> Batch:
    key = (kind, tokens.image)
    if key not in batches:
        models = ModelStore((folder.parent / "models",))
        batches[key] = samples(rows(folder / f"{kind}.jsonl"), folder, models=models, keys=MediaKeys(tokens=tokens))
    return batches[key]


def same(found: list[float] | None, wanted: Any) -> bool:
    if found is None or len(found) != len(wanted):
        return False
    pairs = zip(found, (math.nan if value == "NaN" else value for value in wanted), strict=True)
    return all(abs(x - y) <= 1e-4 or (math.isnan(x) and math.isnan(y)) for x, y in pairs)


def kept(operator: MediaFilter, columns: dict[str, pa.Array]) -> list[bool]:
    keep = operator.condition.keep({key: key for key in columns})
    with duckdb.connect() as database:
        database.register("stats", pa.table(columns))
        return [row[0] for row in database.execute(f"SELECT {keep.text} FROM stats", keep.parameters).fetchall()]


@pytest.mark.parametrize("name", OPERATORS)
def test_agrees_with_data_juicer(name: str, batches: dict[tuple[str, str], Batch]) -> None:
    folder = shared() / "conformance/multimodal"
    known = json.loads((folder.parent / "known_differences.json").read_text())
    compared = 0
    for info in json.loads((folder / "expected/index.json").read_text()):
        if info["op"] != name:
            continue
        operator = registry.find(name)(**info["params"])
        assert isinstance(operator, MediaFilter)
        tokens = SpecialTokens(**info["special_tokens"])
        batch = batch_of(batches, folder, operator.media, tokens)
        columns = dict(operator.measure(batch))
        (found,) = columns.values()
        wanted = {row["id"]: row for row in rows(folder / "expected" / info["file"])}
        listed = rows(folder / f"{operator.media}.jsonl")
        for sample, values, keep in zip(listed, found.to_pylist(), kept(operator, columns), strict=True):
            row, differs = wanted[sample["id"]], [d for d in known if fnmatch.fnmatch(name, d["op"])]
            if "error" in row or any(fnmatch.fnmatch(sample["id"], one) for d in differs for one in d["ids"]):
                continue
            (stat,) = row["stats"].values()
            assert same(values, stat), (info["variant"], sample["id"], values, stat)
            assert keep is row["keep"], (info["variant"], sample["id"])
            compared += 1
    assert compared > 40
