"""Write the answer of a language model to the question of each sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE
from dj_assets.operators.registry import register


@register("llm_ray_vllm_engine_pipeline")
class LlmRayVllmEnginePipeline(LlmFieldMapper):
    """Write the answer of a language model to the field `query_key` into the field `response_key`.

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

    def system(self) -> str | None:
        """Return the system prompt."""
        return self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the question of every sample."""
        return [query or None for query in self.values_of(batch, self.query_key)]

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the answer as it is."""
        return {self.response_key: answer}
