from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dj_assets.models.fasttext_file import UnreadableModelError, huffman_tree, read_fasttext
from dj_assets.models.store import ModelStore
from tests.models.fasttext_models import DIMENSION, LABELS, WORDS, write_dense


def test_a_dense_model(tmp_path: Path) -> None:
    model = read_fasttext(write_dense(tmp_path / "dense.bin"))
    assert model.words == tuple(word.encode() for word in WORDS)
    assert model.labels == tuple(LABELS)
    assert (model.shortest_ngram, model.longest_ngram) == (2, 4)
    assert model.rows.shape == (len(WORDS) + 64, DIMENSION)
    assert model.row_of_bucket.tolist() == list(range(len(WORDS), len(WORDS) + 64))


def test_the_compressed_model_that_ships() -> None:
    model = read_fasttext(ModelStore().find("lid.176.bin").path)
    assert len(model.labels) == 176
    assert model.rows.shape == (50000, 16)
    assert np.isfinite(model.rows).all()
    kept = model.row_of_bucket[model.row_of_bucket >= 0]
    assert sorted(kept.tolist()) == list(range(len(model.words), 50000))


@pytest.mark.parametrize("loss", [2, 3])
def test_another_loss_is_not_read(tmp_path: Path, loss: int) -> None:
    with pytest.raises(UnreadableModelError, match="hierarchical softmax"):
        read_fasttext(write_dense(tmp_path / "softmax.bin", loss=loss))


@pytest.mark.parametrize("content", [b"not a model", b"", b"\xba\x16O/\x0c\x00\x00\x00 cut off"])
def test_other_files_are_not_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(UnreadableModelError):
        read_fasttext(path)


def test_the_tree_of_labels() -> None:
    # 1 and 30 unite first, then 30 with the 31 of both, then 50 with the rest
    left, right = huffman_tree([50, 30, 30, 1])
    assert left.tolist() == [-1, -1, -1, -1, 3, 1, 0]
    assert right.tolist() == [-1, -1, -1, -1, 2, 4, 5]
