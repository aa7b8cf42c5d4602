"""Define the base classes of mappers that label each round of a dialog by a language model."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import NonNegativeInt

from dj_assets.operators.base import ByParameters, FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, filled
from dj_assets.operators.views.dialogs import Round, clipped_rounds, dialogs

_QUERY, _RESPONSE = "用户：{query}\n", "LLM：{response}\n"
_LANGUAGES = {"zh": "Simplified Chinese", "en": "English"}


def language_named(code: str | None) -> str:
    """Return the name of the output language: Chinese for codes that begin with `zh`, else English."""
    return _LANGUAGES["zh" if (code or "").strip().lower().startswith("zh") else "en"]


class DialogLabels(LanguageModelOperator, FieldMapper):
    """Write what a language model finds in each question of a dialog into lists of `__dj__meta__`, with its analysis.

    The rounds are asked about in turn, each with those before and with what was found in them, at most `max_round`. The
    marks of the answer are those of Data-Juicer, so that prompts and patterns of recipes fit.
    """

    fields: ClassVar[ByParameters[Mapping[str, pa.DataType]]] = ByParameters(
        lambda operator: {
            f"{META}.{operator.found_key}": pa.list_(operator.found_type),
            f"{META}.{operator.analysis_key}": pa.list_(pa.string()),
        }
    )
    # what is labelled, and the mark of its analysis and of its value in an answer
    subject: ClassVar[str]
    marks: ClassVar[tuple[str, str]]
    found_type: ClassVar[pa.DataType] = pa.string()

    api_model: str | None = "gpt-4o"
    max_round: NonNegativeInt = 10
    analysis_key: str
    system_prompt: str | None = None
    query_template: str | None = None
    response_template: str | None = None
    analysis_template: str | None = None
    analysis_pattern: str | None = None
    max_query_chars_for_prompt: NonNegativeInt = 0
    max_response_chars_for_prompt: NonNegativeInt = 0
    preferred_output_lang: str = "zh"
    history_key: str = "history"
    query_key: str = "query"
    response_key: str = "response"

    @property
    def prompts_a_sample(self) -> int:
        """Return the most rounds that are asked about."""
        return self.max_round or 1

    @property
    @abstractmethod
    def found_key(self) -> str:
        """Return the field of what is found."""

    @property
    @abstractmethod
    def value_template(self) -> str:
        """Return the line of a value in the history, with the value in braces."""

    @property
    @abstractmethod
    def value_pattern(self) -> str:
        """Return the pattern whose first group is the value in an answer."""

    @abstractmethod
    def value(self, found: str) -> object:
        """Return the value in an answer; raise `ValueError` if it is none."""

    def values(self, found: Sequence[object]) -> list[object]:
        """Return the values that are written, given those of all rounds."""
        return list(found)

    def choice(self) -> str:
        """Return the part of the prompt that limits the values, empty if nothing does."""
        return ""

    def system(self) -> str:
        """Return the system prompt: that of the recipe, or the task and the form of the answer."""
        if self.system_prompt is not None:
            return self.system_prompt
        analysis, value = self.marks
        return (
            f"Read a dialog between a user and an assistant, and find {self.subject} in the last message of the user, "
            f"given the messages before. Reply with these two lines and nothing else:\n{analysis}：<one sentence of "
            f"analysis>\n{value}：<{self.subject}>\nWrite what follows the marks in "
            f"{language_named(self.preferred_output_lang)}, and keep the marks as they are."
        )

    def read(self, answer: str) -> tuple[str, object]:
        """Return the analysis and the value of an answer; raise `ValueError` if there is no analysis."""
        analysis = _found(self.analysis_pattern or rf"{self.marks[0]}\s*[：:]\s*(.*?)\s*(?:\n|$)", answer)
        if not analysis:
            raise ValueError("has no analysis")
        return analysis, self.value(_found(self.value_pattern, answer))

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the values and the analyses of every dialog."""
        limits = self.max_query_chars_for_prompt, self.max_response_chars_for_prompt
        rounds = [
            clipped_rounds(own, *limits) for own in dialogs(batch, self.history_key, self.query_key, self.response_key)
        ]
        found: list[list[tuple[str, object]]] = [[] for _ in rounds]
        told: list[list[str]] = [[] for _ in rounds]
        for number in range(max(map(len, rounds), default=0)):
            open_dialogs = [index for index, own in enumerate(rounds) if len(own) > number]
            prompts = [self._prompt(told[index], rounds[index][number]) for index in open_dialogs]
            for index, given in zip(open_dialogs, self.ask(batch, prompts, self.read, self.system()), strict=True):
                answer = given or ("", None)
                found[index].append(answer)
                told[index].append(self._line(rounds[index][number], answer))
        names = iter(self.fields.items())
        columns = (
            [self.values([value for _, value in own]) for own in found],
            [[analysis for analysis, _ in own] for own in found],
        )
        return {name: pa.array(column, kind) for (name, kind), column in zip(names, columns, strict=True)}

    def _prompt(self, before: Sequence[str], last: Round) -> str:
        shown = before[-self.max_round :] if self.max_round else ()
        return self.choice() + "".join(shown) + filled(self.query_template or _QUERY, query=last[0])

    def _line(self, last: Round, answer: tuple[str, object]) -> str:
        analysis, value = answer
        text = "" if value is None else str(value)
        return "".join(
            (
                filled(self.query_template or _QUERY, query=last[0]),
                filled(self.analysis_template or f"{self.marks[0]}：{{analysis}}\n", analysis=analysis),
                filled(self.value_template, labels=text, intensity=text),
                filled(self.response_template or _RESPONSE, response=last[1]),
            )
        )


class CategoryLabels(DialogLabels):
    """Write the categories of questions, each once, and their analyses; `candidates` limits the categories."""

    labels_key: str
    candidate_template: str | None = None
    labels_template: str | None = None
    labels_pattern: str | None = None

    @property
    @abstractmethod
    def candidates(self) -> Sequence[str] | None:
        """Return the categories to choose from, None for any."""

    @property
    def found_key(self) -> str:
        """Return the field of the categories."""
        return self.labels_key

    @property
    def value_template(self) -> str:
        """Return the line of a category in the history."""
        return self.labels_template or f"{self.marks[1]}：{{labels}}\n"

    @property
    def value_pattern(self) -> str:
        """Return the pattern of a category in an answer."""
        return self.labels_pattern or rf"{self.marks[1]}\s*[：:]\s*(.*?)\s*(?:\n|$)"

    def choice(self) -> str:
        """Return the categories to choose from."""
        if not self.candidates:
            return ""
        template = self.candidate_template or f"备选{self.marks[1]}：[{{candidate_str}}]\n"
        return filled(template, candidate_str=",".join(self.candidates))

    def value(self, found: str) -> str:
        """Return the category."""
        return found

    def values(self, found: Sequence[object]) -> list[object]:
        """Return each category once, without empty ones."""
        return list(dict.fromkeys(filter(None, found)))


def _found(pattern: str, answer: str) -> str:
    match = re.search(pattern, answer)
    return (match[match.re.groups and 1] or "").strip() if match else ""
