"""Make better prompts of each prompt by a language model."""

from __future__ import annotations

import re

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.operators.base import Expander
from dj_assets.operators.batch import TEXT, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, not_empty, put
from dj_assets.operators.registry import register

_TASK = (
    "Find out what the prompts that you are shown have in common, and write a new and better prompt for the same task. "
    "It has the same form as the others, is not equal to one of them, and differs by keywords and details rather than "
    "as a whole. Reply in this form and with nothing else:\n【提示词】\nthe new prompt"
)
_EXAMPLE, _PROMPT = "\nAn example:\n{}", "【提示词】\n{}\n"
_FORM = r"(?:【提示词】|\[Prompt\])(.*?)(?=【|$)"


@register("optimize_prompt_mapper")
class OptimizePromptMapper(LanguageModelOperator, Expander):
    """Make `gen_num` prompts of each prompt, one after the other, by a language model.

    The prompt is the field `prompt_key`. The model is shown it and the new ones before, the last `max_example_num` of
    them. Each new prompt is a sample with the other fields of the first; it stands next to it, or with
    `keep_original_sample: false` in its place. A prompt that fails `retry_num` times is left out. Data-Juicer makes
    `gen_num` prompts of all prompts of a batch; here, a result never depends on batches.
    """

    api_or_hf_model: str | None = "Qwen/Qwen2.5-7B-Instruct"
    gen_num: PositiveInt = 3
    max_example_num: PositiveInt = 3
    keep_original_sample: bool = True
    retry_num: PositiveInt = 3
    prompt_key: str = Field("prompt", min_length=1)
    system_prompt: str | None = None
    input_template: str | None = None
    example_template: str | None = None
    prompt_template: str | None = None
    output_pattern: str | None = None

    @property
    def keeps_parents(self) -> bool:
        """Return whether the first prompt stays."""
        return self.keep_original_sample

    def read(self, answer: str) -> str:
        """Return the prompt of an answer; raise `ValueError` if there is none in the form."""
        found = re.search(self.output_pattern or _FORM, answer, re.DOTALL)
        return not_empty(found[found.re.groups and 1] if found else "")

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the new prompts of every prompt."""
        firsts = self.values_of(batch, self.prompt_key)
        shown = [[first] if first.strip() else [] for first in firsts]
        made: list[list[str]] = [[] for _ in firsts]
        system = _TASK if self.system_prompt is None else self.system_prompt
        for _ in range(self.gen_num):
            prompts = [self._prompt(examples) if examples else None for examples in shown]
            for index, new in enumerate(self.ask(batch, prompts, self.read, system)):
                if new is not None:
                    made[index].append(new)
                    shown[index] = [*shown[index], new][-self.max_example_num :]
        is_text = self.prompt_key == self.text_name
        if is_text:
            return pa.array(made, pa.list_(pa.string()))
        kind = pa.struct([(TEXT, pa.string()), (self.prompt_key, pa.string())])
        texts = batch.text.to_pylist()
        samples = [
            [{TEXT: text, self.prompt_key: prompt} for prompt in own] for text, own in zip(texts, made, strict=True)
        ]
        return pa.array(samples, pa.list_(kind))

    def _prompt(self, examples: list[str]) -> str:
        each, one = self.example_template or _EXAMPLE, self.prompt_template or _PROMPT
        return put(self.input_template or "{}", "".join(put(each, put(one, example)) for example in examples))
