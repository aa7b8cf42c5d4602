"""Define the base class of filters by scores that a language model gives in several dimensions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import pyarrow as pa
from pydantic import Field, model_validator

from dj_assets.operators.base import Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Columns, Condition, Range
from dj_assets.operators.kinds.audited import AuditedFilter
from dj_assets.operators.kinds.call_score import CallScoreFilter
from dj_assets.operators.kinds.language_model import checked_lengths, filled, json_object
from dj_assets.operators.sql import Sql, quoted

_INPUT = "# Data\n'''\n{data}\n'''\n\n# Response\njson\n"
FIELD_TEMPLATE = "**{field_name}**\n{field_data}"
_HIGHEST = 5.0


@dataclass(frozen=True)
class InRangeOrFailed(Condition):
    """Test a range. The value 0 passes, too: it stands for a call that failed."""

    range: Range

    def keep(self, columns: Columns) -> Sql:
        """Return the range test, or the test for 0."""
        inside = self.range.keep(columns)
        return Sql(f"(coalesce({quoted(columns[self.range.key])} = 0, FALSE) OR {inside.text})", inside.parameters)

    def reason(self, columns: Columns) -> Sql:
        """Return the reason of the range."""
        return self.range.reason(columns)

    def value(self, columns: Columns) -> Sql:
        """Return the statistic as a double."""
        return self.range.value(columns)

    def ranges(self) -> tuple[Range, ...]:
        """Return the range."""
        return (self.range,)


def score_statistics(stem: str) -> tuple[Statistic, Statistic]:
    """Return the statistics of such a filter: the score, and the answer as JSON."""
    return (
        Statistic(f"{stem}_score", pa.float64(), "score from 0.2 to 1, 0 for a failed call"),
        Statistic(f"{stem}_record", pa.string(), "answer as JSON, empty for a failed call"),
    )


class LlmScoreFilter(AuditedFilter, CallScoreFilter):
    """Filter by the mean of scores from 1 to 5 that a language model gives, divided by 5.

    A subclass has a `task`, its instructions, and `dimensions` with their meanings. A call that failed has the score 0
    and keeps its sample, unless `keep_failed` is off.
    """

    bounds: ClassVar[tuple[str, str]] = ("min_score", "max_score")
    task: ClassVar[str]
    dimensions: ClassVar[Mapping[str, str]]

    api_or_hf_model: str | None = "gpt-4o"
    min_score: float = 0.5
    max_score: float = 1.0
    keep_failed: bool = True
    input_keys: tuple[str, ...] = Field(("text",), min_length=1)
    field_names: tuple[str, ...] = ("Text",)
    system_prompt: str | None = None
    input_template: str | None = None
    field_template: str | None = None
    dim_required_keys: tuple[str, ...] | None = None
    preferred_output_lang: str | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        checked_lengths(self.input_keys, self.field_names)
        return self

    @property
    def condition(self) -> Condition:
        """Return the range of the score, with 0 for failed calls."""
        return InRangeOrFailed(self.range) if self.keep_failed else self.range

    @property
    def required(self) -> tuple[str, ...]:
        """Return the dimensions whose mean is the score."""
        return self.dim_required_keys or tuple(self.dimensions)

    def system(self) -> str:
        """Return the system prompt: that of the recipe, or the task with its dimensions and the form of the answer."""
        if self.system_prompt is not None:
            return self.system_prompt
        named = "\n".join(f"- {name}: {self.dimensions.get(name, name)}" for name in self.required)
        scores = ", ".join(f'"{name}": <1-5>' for name in self.required)
        language = self.preferred_output_lang
        wish = f" Write the rationale in this language: {language}." if language else ""
        others = '"flags": [<texts>], "rationale": <text>, "recommendation": [<text>]'
        return (
            f"{self.task}\nScore each dimension with a whole number from 1 (poor) to 5 (excellent):\n{named}\n"
            "Reply with one JSON object and nothing else:\n"
            f'{{"dimension_scores": {{{scores}}}, {others}}}\n'
            f'"flags" lists problems in a few words each; "recommendation" is one of keep, review, discard.{wish}'
        )

    def prompts(self, batch: Batch) -> list[str | None]:
        """Return the prompt of every sample: the fields by their names, in the templates."""
        columns = [self.values_of(batch, self.text_name if key == "text" else key) for key in self.input_keys]
        template, each = self.input_template or _INPUT, self.field_template or FIELD_TEMPLATE
        return [
            filled(
                template,
                data="\n\n".join(
                    filled(each, field_name=name, field_data=value)
                    for name, value in zip(self.field_names, values, strict=True)
                ),
            )
            for values in zip(*columns, strict=True)
        ]

    def score(self, answer: str) -> tuple[float, str, str]:
        """Return the score, the record and the tags of an answer.

        Raises
        ------
        ValueError
            If it is no JSON object with a number from 1 to 5 for each required dimension.
        """
        record = json_object(answer)
        scores = record.get("dimension_scores")
        if not isinstance(scores, dict):
            raise ValueError("has no dimension_scores")  # noqa: TRY004 - the answer of a model
        values = [_number(scores.get(name)) for name in self.required]
        tags = record.get("tags", record.get("flags"))
        return sum(values) / len(values) / _HIGHEST, _as_json(record), "" if tags is None else _as_json(tags)

    def judged(self, answer: str) -> bool:
        """Return whether the score of an answer is between the bounds."""
        return self.range.holds(self.score(answer)[0])

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return score and record of every sample; 0 and no record for a call that failed."""
        given = self.ask(batch, self.prompts(batch), self.score, self.system())
        columns = zip(*(found or (0.0, "", "") for found in given), strict=True)
        values = [*columns] or [()] * 3
        statistics = self.statistics
        return {
            statistic.key: pa.array(column, statistic.type)
            for statistic, column in zip(statistics, values[: len(statistics)], strict=True)
        }


def _number(value: object) -> float:
    number = float(cast("Any", value)) if isinstance(value, int | float | str) else 0.0
    if not 1 <= number <= _HIGHEST:
        raise ValueError("has a score outside of 1 to 5")
    return number


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
