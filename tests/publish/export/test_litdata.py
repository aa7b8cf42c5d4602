"""Shards for litdata, read back by litdata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dj_assets.home.layout import Layout
from dj_assets.publish.export import export as module
from dj_assets.publish.export.export import Export, Exported
from dj_assets.publish.export.tokens import TokenSettings
from tests.paths import ROOT
from tests.publish.export.refined import refined_texts, run_texts

pytest.importorskip("litdata")

MODEL = ROOT / "dj_assets/models/demo/en.sp.model"


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return run_texts(tmp_path_factory.mktemp("refined"), 200)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_BATCH_BYTES", 8_000)
    monkeypatch.setenv("DATA_OPTIMIZER_CACHE_FOLDER", str(tmp_path / "litdata"))


def export(out: Path, folder: Path, length: int = 0) -> Exported:
    return Export(Layout.output(out), folder, "litdata", 10_000, TokenSettings(MODEL, "", length)).run()


def encoded(out: Path) -> list[list[int]]:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(MODEL))
    return [[*ids, pieces.eos_id()] for ids in pieces.encode(refined_texts(out))]


def test_litdata_reads_every_document_in_order(out, tmp_path):
    import litdata

    done = export(out, tmp_path / "e")
    assert len(done.parts) > 2
    dataset = litdata.StreamingDataset(str(tmp_path / "e"))
    found = [item.tolist() for item in dataset]
    assert found == encoded(out)
    assert done.count("tokens") == sum(map(len, found))
    assert done.count("documents") == done.samples == len(found)
    assert dataset[7].dtype == np.uint16


def test_litdata_reads_packed_blocks(out, tmp_path):
    import litdata

    done = export(out, tmp_path / "e", 64)
    loader = litdata.TokensLoader(block_size=64)
    found = [item.tolist() for item in litdata.StreamingDataset(str(tmp_path / "e"), item_loader=loader)]
    assert {len(block) for block in found} == {64}
    stream = [token for document in encoded(out) for token in document]
    assert len(stream) == done.count("tokens") == 64 * len(found) + done.count("tokens_left_out")
    first = done.parts[0].counts["samples"]
    assert [token for block in found[:first] for token in block] == stream[: 64 * first]


def test_the_same_samples_give_the_same_files(out, tmp_path):
    assert export(out, tmp_path / "a", 64).files == export(out, tmp_path / "b", 64).files
