from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from dj_assets.errors import RecipeError
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.fasttext_score_filter import FasttextScoreFilter
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan

WORDS = {"</s>": 0.0, "theorem": 4.0, "proof": 2.0, "buy": -4.0, "now": -1.0}


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A classifier of quality with softmax and two labels: one number for each word, and its sign decides."""
    labels = ("__label__hq", "__label__lq")
    head = struct.pack("<2i12id", 793712314, 12, 1, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
    entries = [*((word, 0) for word in WORDS), *((label, 1) for label in labels)]
    dictionary = struct.pack("<3iqq", len(entries), len(WORDS), len(labels), 10, -1)
    dictionary += b"".join(name.encode() + b"\0" + struct.pack("<qb", 1, kind) for name, kind in entries)
    rows = np.array([*WORDS.values()], np.float32)
    given = b"\0" + struct.pack("<qq", len(rows), 1) + rows.tobytes()
    output = b"\0" + struct.pack("<qq", 2, 1) + np.array([1, -1], np.float32).tobytes()
    path = tmp_path / "quality.bin"
    path.write_bytes(head + dictionary + given + output)
    return path


def scores(path: Path, *texts: str, **parameters) -> list[float]:
    operator = FasttextScoreFilter(model=path.name, **{"label": "hq", **parameters})
    return operator.measure(Batch.of_texts(list(texts), ModelStore((path.parent,))))["fasttext_score"].to_pylist()


def test_the_score_is_the_softmax_of_the_mean_vector(classifier):
    mean = np.array([(4 + 2 + 0) / 3, (-4 - 1 + 0) / 3])
    wanted = 1 / (1 + np.exp(-2 * mean))
    assert scores(classifier, "theorem\nproof", "buy now") == pytest.approx(wanted, abs=2e-3)
    assert scores(classifier, "buy now", label="__label__lq") == pytest.approx([1 - wanted[1]], abs=2e-3)
    assert scores(classifier, "BUY NOW", lowercase=True) == pytest.approx([wanted[1]], abs=2e-3)


def test_a_label_that_the_model_does_not_have_is_an_error_before_data_is_read(classifier):
    recipe = load_recipe({"process": [{"fasttext_score_filter": {"model": str(classifier), "label": "good"}}]})
    with pytest.raises(RecipeError, match=r"label: the model does not know 'good'; its labels are hq, lq$"):
        make_plan(recipe).models(ModelStore(()))
