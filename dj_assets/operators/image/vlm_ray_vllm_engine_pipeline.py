"""Write the answer of a vision language model to the question of each sample about its images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.image_chat import ImageChatOperator
from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE
from dj_assets.operators.registry import register


@register("vlm_ray_vllm_engine_pipeline")
class VlmRayVllmEnginePipeline(ImageChatOperator, FieldMapper):
    """Write the answer of a vision language model to the field `query_key` into the field `response_key`.

    The question is asked once, about all distinct images of the sample; a sample without images is asked about as text.
    The model is that of the configured server, whether Ray is used or not; Data-Juicer starts vLLM inside of Ray. A
    sample without a question, and one whose call failed, has no answer.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {operator.response_key: pa.string()}
    )

    api_or_hf_model: str | None = "Qwen/Qwen2.5-7B-Instruct"
    system_prompt: str | None = None
    query_key: str = QUERY
    response_key: str = RESPONSE

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the answer of every sample."""
        prompts = [query or None for query in self.values_of(batch, self.query_key)]
        given = self.ask(batch, prompts, str, self.system_prompt, images=self.pictures(batch))
        return {self.response_key: pa.array(given, pa.string())}
