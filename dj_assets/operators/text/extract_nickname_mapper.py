"""Extract nicknames from a text by a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from dj_assets.operators.base import ByParameters
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.llm_extraction import LlmExtraction
from dj_assets.operators.kinds.llm_fields import LlmFieldMapper
from dj_assets.operators.registry import register
from dj_assets.operators.views.relations import RELATIONS, relation

_GROUPS = 6


@register("extract_nickname_mapper")
class ExtractNicknameMapper(LlmExtraction, LlmFieldMapper):
    """Write who calls whom by which nickname, as a language model reads it, into a list of `__dj__meta__`.

    An element of the list `nickname_key` has the speaker, the person who is called, the nickname, and the keyword
    "nickname". The six groups of `output_pattern` are a number, speaker, person, both again, and the nickname; a match
    whose names differ is left out. A sample whose call failed has no list, an empty text an empty one. With
    `drop_text`, the text is emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.nickname_key}": RELATIONS}
    )
    task: ClassVar[str] = (
        "List the nicknames by which people in the text address each other. Give the most frequent nickname of each "
        "pair of speaker and addressed person, and no pair without one. Keep the language of the text. Reply in this "
        "form, with these marks, and with nothing else:\n"
        "### 称呼方式1\n- **说话人**：<speaker>\n- **被称呼人**：<addressed person>\n"
        "- **<speaker>对<addressed person>的昵称**：<nickname>\n### 称呼方式2\n…"
    )
    form: ClassVar[str] = (
        r"###\s*称呼方式(\d+)\s*-\s*\*\*说话人\*\*\s*[：:]\s*(.*?)\s*-\s*\*\*被称呼人\*\*\s*[：:]\s*(.*?)\s*"
        r"-\s*\*\*(.*?)对(.*?)的昵称\*\*\s*[：:]\s*(.*?)(?=###|\Z)"
    )

    nickname_key: str = Field("nickname", min_length=1)

    def read(self, answer: str) -> Mapping[str, object]:
        """Return the nicknames, each once; raise `ValueError` if there are none in the form."""
        found: dict[tuple[str, str, str], None] = {}
        for groups in self.matches(answer):
            if len(groups) != _GROUPS:
                raise ValueError("does not have the form")
            _, speaker, person, again, person_again, nickname = (group.strip() for group in groups)
            if (speaker, person) == (again, person_again) and speaker and person and nickname not in {"", person}:
                found[speaker, person, nickname] = None
        if not found:
            raise ValueError("has no nicknames")
        [name] = self.fields
        return {name: [relation(*names, ["nickname"]) for names in found]}

    def unanswered(self, batch: Batch) -> Mapping[str, list[object]]:
        """Return an empty list for an empty text, else none."""
        [name] = self.fields
        return {name: [None if text.strip() else [] for text in batch.text.to_pylist()]}
