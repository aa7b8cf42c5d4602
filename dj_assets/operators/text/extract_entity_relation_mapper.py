"""Extract entities and their relations from a text by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field, NonNegativeInt

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import (
    LanguageModelOperator,
    Messages,
    filled,
    list_of_names,
    not_empty,
    without_text,
)
from dj_assets.operators.registry import register
from dj_assets.operators.views.relations import ENTITIES, RELATIONS, relation

_PROMPT = """\
List all entities of the types [{entity_types}] in the text below, and how they are related to each other, in the
language of the text. Write one record for each entity:
("entity"{tuple_delimiter}name{tuple_delimiter}type{tuple_delimiter}description)
and one for each pair of entities that are clearly related, with a strength from 1 to 10:
("relationship"{tuple_delimiter}name{tuple_delimiter}name{tuple_delimiter}how they are related{tuple_delimiter}\
keywords{tuple_delimiter}strength)
Write {record_delimiter} between records, {completion_delimiter} at the end, and nothing else.

Text:
```
{input_text}
```
"""
_MORE = "Entities or relations are missing. List these in the same form, and none that you listed before."
_DONE = "Are entities or relations still missing? Reply with YES or NO."
_ENTITY, _RELATION = r'\("entity"(.*?)\)', r'\("relationship"(.*?)\)'
_ENTITY_PARTS, _RELATION_PARTS = 3, 5


@register("extract_entity_relation_mapper")
class ExtractEntityRelationMapper(LanguageModelOperator, FieldMapper):
    """Write the entities of a text and their relations, as a language model names them, into lists of `__dj__meta__`.

    `entity_key` has name, type and description; `relation_key` both names, a description, keywords and a strength.
    After the first answer the model is asked for more, at most `max_gleaning` times, as long as it says that some are
    missing. A sample whose first call failed has no lists, an empty text empty ones. The prompt has `{entity_types}`,
    `{input_text}` and the delimiters. With `drop_text`, the text is emptied.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {f"{META}.{operator.entity_key}": ENTITIES, f"{META}.{operator.relation_key}": RELATIONS}
    )

    api_model: str | None = "gpt-4o"
    entity_types: tuple[str, ...] | None = None
    entity_key: str = Field("entity", min_length=1)
    relation_key: str = Field("relation", min_length=1)
    prompt_template: str | None = None
    tuple_delimiter: str | None = None
    record_delimiter: str | None = None
    completion_delimiter: str | None = None
    max_gleaning: NonNegativeInt = 1
    continue_prompt: str | None = None
    if_loop_prompt: str | None = None
    entity_pattern: str | None = None
    relation_pattern: str | None = None
    drop_text: bool = False

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the entities and the relations of every text."""
        texts = batch.text.to_pylist()
        chats: list[Messages | None] = [(("user", self._prompt(text)),) if text.strip() else None for text in texts]
        answers = self.ask_chats(batch, chats, self._with_entities)
        told = [answer or "" for answer in answers]
        chats = [_continued(chat, answer) for chat, answer in zip(chats, answers, strict=True)]
        for number in range(self.max_gleaning):
            more, chats = self._asked(batch, chats, self.continue_prompt or _MORE)
            told = [before + (added or "") for before, added in zip(told, more, strict=True)]
            if number + 1 < self.max_gleaning:
                missing, _ = self._asked(batch, chats, self.if_loop_prompt or _DONE)
                chats = [chat if _is_yes(answer) else None for chat, answer in zip(chats, missing, strict=True)]
        rows = [
            (self.entities(whole), self.relations(whole)) if whole else (None, None) if text.strip() else ([], [])
            for whole, text in zip(told, texts, strict=True)
        ]
        return {
            name: pa.array([row[index] for row in rows], kind) for index, (name, kind) in enumerate(self.fields.items())
        }

    def _prompt(self, text: str) -> str:
        return filled(
            self.prompt_template or _PROMPT,
            entity_types=", ".join(self.entity_types or ("organization", "person", "geo", "event")),
            tuple_delimiter=self.tuple_delimiter or "<|>",
            record_delimiter=self.record_delimiter or "##",
            completion_delimiter=self.completion_delimiter or "<|COMPLETE|>",
            input_text=text,
        )

    def _with_entities(self, answer: str) -> str:
        if not self.entities(answer):
            raise ValueError("has no entities")
        return answer

    def _asked(
        self, batch: Batch, chats: Sequence[Messages | None], prompt: str
    ) -> tuple[list[str | None], list[Messages | None]]:
        """Return the answers to a further prompt, and the chats with both."""
        asked: list[Messages | None] = [None if chat is None else (*chat, ("user", prompt)) for chat in chats]
        given = self.ask_chats(batch, asked, not_empty)
        return given, [_continued(chat, answer) for chat, answer in zip(asked, given, strict=True)]

    def entities(self, answer: str) -> list[dict[str, object]]:
        """Return the entities of an answer, each once."""
        names = [field.name for field in ENTITIES.value_type]
        records = self._records(self.entity_pattern or _ENTITY, answer)
        return [dict(zip(names, record, strict=True)) for record in records if len(record) == _ENTITY_PARTS]

    def relations(self, answer: str) -> list[dict[str, object]]:
        """Return the relations of an answer, each once; one without a number for its strength is left out."""
        found = []
        for record in self._records(self.relation_pattern or _RELATION, answer):
            if len(record) != _RELATION_PARTS:
                continue
            source, target, description, keywords, strength = record
            try:
                found.append(relation(source, target, description, list_of_names(keywords), float(strength)))
            except ValueError:
                continue
        return found

    def _records(self, pattern: str, answer: str) -> list[tuple[str, ...]]:
        matches = re.finditer(pattern, answer, re.VERBOSE | re.DOTALL)
        records = (match[match.re.groups and 1].split(self.tuple_delimiter or "<|>") for match in matches)
        parts = (tuple(part for item in record if (part := _unquoted(item.strip()))) for record in records)
        return list(dict.fromkeys(parts))

    def apply(self, batch: Batch) -> Batch:
        """Return the batch, with empty texts if they are dropped."""
        return without_text(batch) if self.drop_text else batch


def _continued(chat: Messages | None, answer: str | None) -> Messages | None:
    return None if chat is None or answer is None else (*chat, ("assistant", answer))


def _is_yes(answer: str | None) -> bool:
    return (answer or "").strip().strip("\"'.").lower() == "yes"


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return (text[1:-1] if quoted else text).strip()
