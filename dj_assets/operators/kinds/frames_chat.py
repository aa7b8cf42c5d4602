"""Define the base class of operators that ask a vision language model about frames of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from dj_assets import settings
from dj_assets.models.store import ModelStore
from dj_assets.models.text.chat import VisionModel
from dj_assets.models.text.in_process import InProcessModel
from dj_assets.models.text.pictures import Picture
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator


class FramesChatOperator(LanguageModelOperator):
    """Ask the vision language model `video_describe_model_path` about frames as images; every call is kept.

    A server is asked where `base_url` of `model_params`, `DJ_VLM` or `DJ_LLM` names one. Else the model runs in this
    process, in the format of transformers. The most likely answer is taken, of at most `most_tokens` tokens.
    """

    sees: ClassVar[bool] = True
    most_tokens: ClassVar[int] = 128

    video_describe_model_path: str | None = None

    @property
    def model(self) -> str | None:
        """Return the name of the model; without one, nothing is asked."""
        return self.video_describe_model_path

    @property
    def in_process(self) -> bool:
        """Return whether the model runs in this process: also where no server is named."""
        return super().in_process or not self._address

    def problem(self) -> str | None:
        """Return why the model cannot be asked: only a server that is named can be named wrongly."""
        return super().problem() if self._address else None

    def usual_sampling(self) -> Mapping[str, Any]:
        """Return the sampling of the most likely answer."""
        return {"temperature": 0.0, "max_tokens": self.most_tokens}

    def back_end(self, models: ModelStore) -> VisionModel:
        """Return the model that is asked."""
        return InProcessModel(models.find) if self.in_process else super().back_end(models)

    def described(self, batch: Batch, chats: Sequence[tuple[Sequence[np.ndarray], str]]) -> list[str]:
        """Return the answer to each query about frames, RGB, `uint8`; a call that failed has an empty one."""
        images = [[Picture.of(frame) for frame in frames] for frames, _ in chats]
        answers = self.ask(batch, [query for _, query in chats], str.strip, images=images)
        return [answer or "" for answer in answers]

    @property
    def _address(self) -> str:
        return str(self.model_params.get("base_url") or settings.language_model(vision=True) or "")
