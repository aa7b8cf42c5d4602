"""Find personal data and secrets that are left in samples by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from dj_assets.errors import SampleError
from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.dialog_labels import language_named
from dj_assets.operators.kinds.language_model import LanguageModelOperator, json_object
from dj_assets.operators.registry import register
from dj_assets.operators.views.dialogs import clipped
from dj_assets.operators.views.message_texts import content_text
from dj_assets.operators.views.sample_fields import field_values

_TASK = (
    "You check data for privacy. You are given fields of a sample, in which some data may be replaced already. Find "
    "only what is left of personal data and secrets: names of real people, parts of phone and identity numbers, "
    "addresses of internal hosts, keys, tokens and passwords, ids of employees, URLs, IP and MAC addresses. Invent "
    "nothing; leave out what you are not sure about. Reply with one JSON object and nothing else:\n"
    '{"suspected": [{"field": <name of the field>, "category": <kind>, "evidence": <quote of at most 48 characters>}], '
    '"likely_clean": <true or false>}\nWrite categories in {language}.'
)
_FOUND = pa.struct([("field", pa.string()), ("category", pa.string()), ("evidence", pa.string())])
_RESULT = pa.struct(
    [
        ("suspected", pa.list_(_FOUND)),
        ("likely_clean", pa.bool_()),
        ("fields_inspected", pa.list_(pa.string())),
        ("redaction_mode", pa.string()),
        ("redaction_applied", pa.bool_()),
        ("skipped", pa.bool_()),
        ("reason", pa.string()),
        ("error", pa.string()),
    ]
)
_LENGTHS = {"field": 64, "category": 120, "evidence": 80}
_MOST_FOUND = 32
_LONGEST_MESSAGE = 500
_SIGNS = re.compile(
    r"\d{6,}|@|(?<![a-z0-9_])(?:api[_-]?key|secret|token|password|passwd|credential|bearer)\b"
    r"|\b(?:vpn|ssh\s|rdp://|mysql://|redis://)|内网|局域网|[a-z0-9_-]{24,}",
    re.IGNORECASE,
)
_HAN = "[\u4e00-\u9fff]"
_NAMES = re.compile(
    r"(?:^|[\s，,。.!！?？;；:：])(?:我叫|叫我|更名为|(?:姓名|真名|用户名)\s*[:：为是]?\s*|"
    rf"(?:联系人|负责人|经办人|致|尊敬的)\s*[:：]?\s*){_HAN}{{2,4}}"
    rf"|{_HAN}{{1,4}}(?:先生|女士|老师|大夫|经理|主任|院长|博士|教授|同志)"
    r"|\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s+[A-Z][a-z]+"
)


@register("pii_llm_suspect_mapper")
class PiiLlmSuspectMapper(LanguageModelOperator, FieldMapper):
    """Write which personal data and secrets a language model still finds in a sample, and replace them if wanted.

    The struct `result_key` of `__dj__meta__` lists field, category and quote of each find, and which fields were
    inspected: those of `inspect_keys`, and the last `max_messages_for_prompt` messages of `messages_key`. With
    `gate_mode: heuristic`, a sample is only sent if it has long numbers, addresses, long tokens or words such as
    "token", or with `heuristic_name_rules` forms of names; others are `skipped`.

    With `redaction_mode: evidence`, the quotes are replaced by `redaction_placeholder` in the texts of `inspect_keys`;
    with `whole_field`, these texts are replaced themselves. Messages are reported and never rewritten, and names are
    not looked for by spaCy, unlike in Data-Juicer.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(lambda operator: operator.written_fields)

    api_model: str | None = "qwen-turbo"
    inspect_keys: tuple[str, ...] = ("text", "query", "response")
    messages_key: str | None = "messages"
    max_messages_for_prompt: PositiveInt = 4
    max_chars_per_field: PositiveInt = 6000
    max_chars_messages_excerpt: PositiveInt = 8000
    gate_mode: Literal["heuristic", "always"] = "heuristic"
    result_key: str = Field("pii_llm_suspect", min_length=1)
    raw_key: str = Field("pii_llm_suspect_raw", min_length=1)
    overwrite: bool = False
    system_prompt: str | None = None
    preferred_output_lang: str = "zh"
    try_num: PositiveInt = 2
    heuristic_name_rules: bool = True
    redaction_mode: Literal["none", "evidence", "whole_field"] = "none"
    redaction_placeholder: str = "[LLM_PII_SUSPECT_REDACTED]"

    @property
    def written_fields(self) -> Mapping[str, pa.DataType]:
        """Return the names and types of the fields: results, and the texts that are redacted."""
        results = {f"{META}.{self.result_key}": _RESULT, f"{META}.{self.raw_key}": pa.string()}
        return results | dict.fromkeys(self._redacted_fields, pa.string())

    @property
    def _redacted_fields(self) -> tuple[str, ...]:
        if self.redaction_mode == "none":
            return ()
        return tuple(key for key in self.inspect_keys if key != self.text_name)

    def usual_sampling(self) -> Mapping[str, Any]:
        """Return the sampling of Data-Juicer."""
        return {"max_tokens": 512, "temperature": 0.1}

    def system(self) -> str:
        """Return the system prompt."""
        if self.system_prompt is not None:
            return self.system_prompt
        return _TASK.replace("{language}", language_named(self.preferred_output_lang))

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the finds of every sample, the answers that cannot be used, and the redacted fields."""
        results = self._results(batch)
        columns: dict[str, list[Any]] = {
            f"{META}.{self.result_key}": results,
            f"{META}.{self.raw_key}": [None] * len(batch),
        }
        for key in self._redacted_fields:
            columns[key] = [
                self._redacted(text, key, result)
                for text, result in zip(self._texts(batch, key, strict=True), results, strict=True)
            ]
        return {name: pa.array(columns[name], kind) for name, kind in self.written_fields.items()}

    def apply(self, batch: Batch) -> Batch:
        """Return the batch with its texts redacted."""
        if self.redaction_mode == "none" or self.text_name not in self.inspect_keys:
            return batch
        pairs = zip(batch.text.to_pylist(), self._results(batch), strict=True)
        return batch.with_text(pa.array([self._redacted(text, self.text_name, found) for text, found in pairs]))

    def read(self, answer: str) -> dict[str, Any]:
        """Return the finds of an answer; raise `ValueError` if it has no JSON object with a list of them."""
        found = json_object(answer)
        listed = found.get("suspected")
        if not isinstance(listed, list):
            raise ValueError("has no list of finds")  # noqa: TRY004 - the answer of a model
        suspected = [
            {key: str(item.get(key) or "")[:longest] for key, longest in _LENGTHS.items()}
            for item in listed[:_MOST_FOUND]
            if isinstance(item, dict)
        ]
        clean = found.get("likely_clean")
        return {"suspected": suspected, "likely_clean": clean if isinstance(clean, bool) else not suspected}

    def _results(self, batch: Batch) -> list[dict[str, Any]]:
        return batch.derive(("pii_llm_suspect", self), lambda: self._inspected(batch))

    def _inspected(self, batch: Batch) -> list[dict[str, Any]]:
        shown = self._shown(batch)
        blocks = ["\n\n".join(f"### field:{name}\n{text}" for name, text in fields.items()) for fields in shown]
        old = field_values(batch, f"{META}.{self.result_key}")
        done = [isinstance(result, dict) and not self.overwrite for result in old]
        sent = [bool(block) and not was and self._lets_pass(block) for block, was in zip(blocks, done, strict=True)]
        prompts = [block if is_sent else None for block, is_sent in zip(blocks, sent, strict=True)]
        answers = self.ask(batch, prompts, self.read, self.system())
        results = []
        for index, fields in enumerate(shown):
            common = {"fields_inspected": [*fields], "skipped": not sent[index]}
            found = answers[index]
            if done[index]:
                results.append(dict(old[index]))  # type: ignore[call-overload]
            elif not sent[index]:
                reason = "heuristic_gate" if fields else "no_inspectable_text"
                results.append({**common, "reason": reason, "likely_clean": True if fields else None})
            elif found is None:
                results.append({**common, "error": "no_usable_answer"})
            else:
                redacts = self.redaction_mode != "none"
                results.append({**common, **found, "redaction_mode": self.redaction_mode, "redaction_applied": redacts})
        return results

    def _lets_pass(self, block: str) -> bool:
        if self.gate_mode != "heuristic":
            return True
        return bool(_SIGNS.search(block) or (self.heuristic_name_rules and _NAMES.search(block)))

    def _shown(self, batch: Batch) -> list[dict[str, str]]:
        """Return what is shown of every sample, by the names of the fields."""
        columns = {key: self._texts(batch, key) for key in self.inspect_keys}
        messages = field_values(batch, self.messages_key) if self.messages_key else [None] * len(batch)
        shown = []
        for index, listed in enumerate(messages):
            fields = {
                key: clipped(text, self.max_chars_per_field, key)
                for key, texts in columns.items()
                if (text := texts[index]) and text.strip()
            }
            excerpt = self._excerpt(listed) if isinstance(listed, list) else ""
            shown.append(fields | ({f"{self.messages_key}_excerpt": excerpt} if excerpt else {}))
        return shown

    def _excerpt(self, messages: Sequence[object]) -> str:
        """Return the last messages with a content, each with its role."""
        parts: list[str] = []
        for message in reversed(messages):
            content = content_text(message.get("content")) if isinstance(message, dict) else ""
            if content and len(parts) < self.max_messages_for_prompt:
                role = message.get("role") if isinstance(message, dict) else None
                parts.append(f"[{role or ''}]{content[:_LONGEST_MESSAGE]}")
        return clipped("\n".join(reversed(parts)), self.max_chars_messages_excerpt, "messages")

    def _texts(self, batch: Batch, key: str, *, strict: bool = False) -> list[str | None]:
        """Return the texts under a key; with `strict`, raise `SampleError` for a value that is none and not null."""
        values = batch.text.to_pylist() if key == self.text_name else field_values(batch, key)
        for value in values if strict else ():
            if not (value is None or isinstance(value, str)):
                raise SampleError(f"{key} is no text, so it cannot be redacted")
        return [value if isinstance(value, str) else None for value in values]

    def _redacted(self, text: str | None, key: str, result: Mapping[str, Any]) -> str | None:
        finds = [find for find in result.get("suspected") or () if find["field"] == key]
        if not text or not finds:
            return text
        if self.redaction_mode == "whole_field":
            return self.redaction_placeholder
        quotes = {find["evidence"].strip() for find in finds}
        for quote in sorted((quote for quote in quotes if len(quote) > 1), key=lambda quote: (-len(quote), quote)):
            text = text.replace(quote, self.redaction_placeholder)
        return text
