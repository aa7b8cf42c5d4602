"""Make a sample of each event of a text by a language model."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import Expander
from dj_assets.operators.batch import META, TEXT, Batch
from dj_assets.operators.kinds.language_model import list_of_names
from dj_assets.operators.kinds.llm_extraction import LlmExtraction
from dj_assets.operators.registry import register

_GROUPS = 3


@register("extract_event_mapper")
class ExtractEventMapper(LlmExtraction, Expander):
    """Replace every sample by one for each event in its text, as a language model tells it.

    `event_desc_key` of `__dj__meta__` describes the event, the list `relevant_char_key` names the people in it; an
    event without people is left out. The three groups of `output_pattern` are a number, the description and the people.
    A sample whose call failed, and an empty text, are replaced by none. With `drop_text`, the text is emptied.
    """

    task: ClassVar[str] = (
        "Tell what happens in the text, event by event, with causes and effects, completely and without opinions of "
        "your own, and name the main people in each event. Keep names and the language of the text. Reply in this "
        "form, with these marks, and with nothing else:\n"
        "### 情节1：\n- **情节描述**：<what happens>\n- **相关人物**：<person>，<person>\n### 情节2：\n…"
    )
    form: ClassVar[str] = (
        r"###\s*情节(\d+)\s*[：:]?\s*-\s*\*\*情节描述\*\*\s*[：:]\s*(.*?)\s*"
        r"-\s*\*\*相关人物\*\*\s*[：:]\s*(.*?)(?=###|\Z)"
    )

    event_desc_key: str = Field("event_description", min_length=1)
    relevant_char_key: str = Field("relevant_characters", min_length=1)

    def read(self, answer: str) -> list[tuple[str, list[str]]]:
        """Return the events and their people; raise `ValueError` if there are none in the form."""
        events = []
        for groups in self.matches(answer):
            if len(groups) != _GROUPS:
                raise ValueError("does not have the form")
            events.append((groups[1].strip(), list_of_names(groups[2])))
        whole = [(description, people) for description, people in events if description and people]
        if not whole:
            raise ValueError("has no events")
        return whole

    def expand(self, batch: Batch) -> pa.ListArray:
        """Return the events of every text."""
        description, people = f"{META}.{self.event_desc_key}", f"{META}.{self.relevant_char_key}"
        kind = pa.struct([(TEXT, pa.string()), (description, pa.string()), (people, pa.list_(pa.string()))])
        given = self.ask(batch, self.prompts(batch), self.read, self.system())
        texts = batch.text.to_pylist()
        samples = [
            [{TEXT: "" if self.drop_text else text, description: event, people: names} for event, names in events or ()]
            for text, events in zip(texts, given, strict=True)
        ]
        return pa.array(samples, pa.list_(kind))
