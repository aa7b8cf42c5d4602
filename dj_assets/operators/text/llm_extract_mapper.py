"""Extract fields that the recipe describes from each sample by a language model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import json_object
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.kinds.llm_instruction import LlmInstruction
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

_SYSTEM = "You extract information from a text. Use null for what the text does not say."
_WISH = "Reply with one JSON object with these keys and nothing else."


@register("llm_extract_mapper")
class LlmExtractMapper(LlmInstruction, LlmFieldMapper):
    """Write what a language model extracts from the fields `input_keys` into a struct of `__dj__meta__`.

    `output_schema` names the keys of the struct, and says what each holds. The struct is `meta_output_key`; if that is
    null, the keys stand in `__dj__meta__` itself. Values are texts, others than texts as JSON; all are null if the call
    failed, or if a sample has none of the fields. `knowledge_grounding_fixed` is background for all samples, else that
    in the field `knowledge_grounding_key`. With the strategies `cot` and `cot_shot` the model first reasons; with
    `few_shot` and `cot_shot` it gets `examples`.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(lambda operator: operator.written_fields)

    input_keys: tuple[str, ...] = Field(("text",), min_length=1)
    output_schema: dict[str, str] = Field({"summary": "a summary in one sentence"}, min_length=1)
    meta_output_key: str | None = "llm_extract"
    system_prompt: str | None = None

    @property
    def written_fields(self) -> Mapping[str, pa.DataType]:
        """Return the names and types of the fields."""
        if self.meta_output_key:
            struct = pa.struct([(name, pa.string()) for name in self.output_schema])
            return {f"{META}.{self.meta_output_key}": struct}
        return {f"{META}.{name}": pa.string() for name in self.output_schema}

    def system(self) -> str:
        """Return the system prompt."""
        return _SYSTEM if self.system_prompt is None else self.system_prompt

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample, None for one without the fields."""
        columns = [
            batch.text.to_pylist() if key == self.text_name else field_values(batch, key) for key in self.input_keys
        ]
        wanted = "\n".join(f"- {name}: {meaning}" for name, meaning in self.output_schema.items())
        prompts: list[str | None] = []
        for background, *values in zip(self.backgrounds(batch), *columns, strict=True):
            pairs = zip(self.input_keys, values, strict=True)
            shown = "\n".join(f"{key}: {value}" for key, value in pairs if value is not None)
            body = f"# Input\n{shown}\n\n# Keys and what to extract\n{wanted}"
            prompts.append(self.prompt(background, body, _WISH) if shown else None)
        return prompts

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the values of all keys; raise `ValueError` if the answer has no JSON object with one of them."""
        found = json_object(answer)
        if not found.keys() & self.output_schema.keys():
            raise ValueError("has none of the keys")
        values = {name: _as_text(found.get(name)) for name in self.output_schema}
        if not self.meta_output_key:
            return {f"{META}.{name}": value for name, value in values.items()}
        [name] = self.fields
        return {name: values}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return null for all keys."""
        nothing: object = dict.fromkeys(self.output_schema) if self.meta_output_key else None
        return {name: [nothing] * len(batch) for name in self.fields}


def _as_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
