from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dj_assets.errors import MissingModelError
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.video.video_ocr_area_ratio_filter import VideoOcrAreaRatioFilter
from tests.media import with_media
from tests.models.text.tiny import shared_text_models
from tests.models.vision.tiny import shared_vision_models
from tests.operators.language_models import make_models
from tests.operators.onnx_files import bright_texts

MODELS = Path(__file__).resolve().parents[2] / "../shared/conformance/models"

# the first example of a kernel compiles it
settings.register_profile("operators", deadline=None)
settings.load_profile("operators")


@pytest.fixture(autouse=True, scope="session")
def _canned_answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let operators ask a table that gives every prompt the same scores."""
    table = tmp_path_factory.mktemp("answers") / "answers.json"
    names = "accuracy grammar informativeness coherence clarity relevance usefulness fluency linguistic_complexity"
    names += " conceptual_depth prior_knowledge step_complexity ambiguity"
    table.write_text(json.dumps({"*": json.dumps({"dimension_scores": dict.fromkeys(names.split(), 4)})}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJ_LLM", f"canned:{table}")
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    usual = ModelStore.with_folder(MODELS if MODELS.is_dir() else None)
    made = make_models(tmp_path_factory.mktemp("models"))
    detector = VideoOcrAreaRatioFilter()
    (made / detector.text_detector).write_bytes(bright_texts(detector.detector_size))
    tiny = (shared_vision_models(tmp_path_factory), shared_text_models(tmp_path_factory))
    return ModelStore((*usual.folders, made, *tiny))


class Bench:
    """Runs one operator over texts, with the models that are there."""

    def __init__(self, models: ModelStore) -> None:
        self.models = models

    def batch(self, operator: Operator, texts: list[str]) -> Batch:
        try:
            for name in operator.models():
                self.models.find(name)
        except MissingModelError as error:
            pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
        batch = Batch.of_texts(texts, self.models)
        return with_media(batch) if isinstance(operator, MediaOperator) else batch

    def measured(self, operator: Operator, *texts: str) -> list[object]:
        """Return the only statistic of every text."""
        found = operator.measure(self.batch(operator, list(texts)))
        [column] = found.values()
        return column.to_pylist()

    def rewritten(self, operator: Operator, *texts: str) -> list[str]:
        return operator.apply(self.batch(operator, list(texts))).text.to_pylist()


@pytest.fixture
def bench(models: ModelStore) -> Bench:
    return Bench(models)
