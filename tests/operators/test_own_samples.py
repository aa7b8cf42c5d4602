"""Operators over pairs of images, boxes and archives keep the contract, with samples that have these."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from dj_assets.media.access import MediaAccess
from dj_assets.media.locations import Root
from dj_assets.media.media_keys import MediaKeys
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.batch import FIELDS, Batch
from dj_assets.stores.made_media import MadeMedia
from dj_assets.testing.bench import Bench
from dj_assets.testing.check import CHECKS
from tests.media import made, reader
from tests.operators.own_samples import CHECKED
from tests.operators.paraphrases import save_model

Record = dict[str, object]


def of_pair(text: str) -> Record:
    """Return two images, a box inside of them and captions of both; they depend on the text alone."""
    side = len(text.encode()) % 3
    return {
        "images": [f"{side}.png", f"{(side + 1) % 3}.png"],
        "box": [16.0, 12.0, 8.0 + side, 8.0],
        "pair": f"{side}",
        "removal_images": [f"{side}.png", f"{(side + 1) % 3}.png"],
        "removed_object": text,
        "caption1": text,
        "caption2": f"{text} again",
        "objects1": ["cat"],
        "objects2": ["dog"],
        "region_caption1": "a cat",
        "region_caption2": "a dog",
    }


def of_archive(text: str) -> Record:
    return {"compressed_file": f"{len(text.encode()) % 3}.zip"}


RECORDS: Mapping[str, Callable[[str], Record]] = {"latex_merge_tex_mapper": of_archive}
PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "img_diff_box_mapper": {"finder": "grid"},
    "semantic_deduplicator": {"embedding_model": "tiny"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own_samples")
    for number in range(3):
        made.image(folder / f"{number}.png", 40, 32, seed=number)
        with zipfile.ZipFile(folder / f"{number}.zip", "w") as archive:
            archive.writestr("main.tex", f"source {number}")
    save_model(folder / "models/tiny")
    return folder


def with_records(record: Callable[[str], Record], folder: Path, batch: Batch) -> Batch:
    """Return the batch with the fields of each text, and access to the media that they list."""
    fields = pa.array([json.dumps(record(text or "")) for text in batch.text.to_pylist()], pa.string())
    names = batch.rows.schema.names
    rows = batch.rows.set_column(names.index(FIELDS), FIELDS, fields) if FIELDS in names else None
    access = MediaAccess(MediaKeys(), Root(str(folder)), reader(), files=MadeMedia(str(folder / "made")))
    return replace(batch, rows=batch.rows.append_column(FIELDS, fields) if rows is None else rows, media_access=access)


@pytest.mark.parametrize("name", CHECKED)
def test_it_keeps_the_contract_that_authors_check(name, folder, models, monkeypatch):
    monkeypatch.setenv("DJ_PAINTER", "canned")
    operator = registry.find(name)(**PARAMETERS.get(name, {}))
    known = ModelStore((*models.folders, folder / "models"))
    bench = Bench(operator, known, partial(with_records, RECORDS.get(name, of_pair), folder))
    for check in CHECKS:
        check(bench)
