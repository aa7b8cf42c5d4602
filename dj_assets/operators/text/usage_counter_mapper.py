"""Count the tokens that a language model used for a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

import pyarrow as pa
from pydantic import Field

from dj_assets.errors import SampleError
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import META, Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

# Fields of a sample that may hold its usage, in addition to those that the parameters name.
USAGE = tuple("usage usage_metadata prompt_tokens completion_tokens input_tokens output_tokens total_tokens".split())


class Usage(NamedTuple):
    """Hold the tokens of one answer; `total` is None if it is not recorded."""

    prompt: int
    completion: int
    total: int | None

    def with_total(self) -> Usage:
        """Return the same usage; a total that is not recorded becomes the sum."""
        return self._replace(total=self.prompt + self.completion) if self.total is None else self


@register("usage_counter_mapper")
class UsageCounterMapper(FieldMapper):
    """Write the tokens of prompts and of answers into `__dj__meta__`, summed over all usages that a sample records.

    Usages are searched in the field `usage_key`, else in the sample itself, in `response_metadata_key`, and in every
    entry of `choices_key` and its message. Such an object has `prompt_tokens` and `completion_tokens`, or an object
    `usage` or `usage_metadata` with these, or with `input_tokens` and `output_tokens`. With `dedupe_identical_usage`,
    equal usages count once. The total is that of the first usage that records one, else the sum of both, or null
    without any tokens.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        f"{META}.prompt_tokens": pa.int64(),
        f"{META}.completion_tokens": pa.int64(),
        f"{META}.total_tokens": pa.int64(),
    }

    choices_key: str = Field("choices", min_length=1)
    usage_key: str = Field("usage", min_length=1)
    response_metadata_key: str = Field("response_metadata", min_length=1)
    dedupe_identical_usage: bool = True

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the numbers of tokens of every sample."""
        names = (self.usage_key, self.response_metadata_key, self.choices_key, *USAGE)
        samples = zip(*(field_values(batch, name) for name in names), strict=True)
        sums = [
            self._sum([*_usages(usage, metadata, choices, dict(zip(USAGE, own, strict=True)))])
            for usage, metadata, choices, *own in samples
        ]
        columns = list(zip(*sums, strict=True)) or [(), (), ()]
        return {name: pa.array(values, pa.int64()) for name, values in zip(self.fields, columns, strict=True)}

    def _sum(self, usages: list[Usage]) -> Usage:
        if self.dedupe_identical_usage:
            # a usage without a total equals one whose total is the sum
            distinct: dict[Usage, Usage] = {}
            for usage in usages:
                distinct.setdefault(usage.with_total(), usage)
            usages = list(distinct.values())
        prompt, completion = sum(usage.prompt for usage in usages), sum(usage.completion for usage in usages)
        total = next((usage.total for usage in usages if usage.total is not None), None)
        return Usage(prompt, completion, prompt + completion or None if total is None else total)


def _usages(usage: object, metadata: object, choices: object, sample: dict[str, object]) -> Iterator[Usage]:
    """Yield the usages of a sample, in the order of its fields; those without numbers are zero."""
    yield _usage_in(usage if isinstance(usage, dict) else sample)
    entries = choices if isinstance(choices, list) else []
    messages = [(entry, entry.get("message") or entry.get("delta")) for entry in entries if isinstance(entry, dict)]
    for part in (metadata or {}, *(part for pair in messages for part in pair)):
        if isinstance(part, dict):
            yield _usage_in(part)


def _usage_in(part: dict[str, object]) -> Usage:
    inner = part.get("usage") or part.get("usage_metadata")
    usage: dict[str, object] = inner if isinstance(inner, dict) else {}
    if not _has_tokens(usage) and _has_tokens(part):
        usage = part
    prompt = usage.get("prompt_tokens") or usage.get("input_tokens")
    completion = usage.get("completion_tokens") or usage.get("output_tokens")
    total = usage.get("total_tokens")
    return Usage(_number(prompt), _number(completion), None if total is None else _number(total))


def _has_tokens(usage: Mapping[str, object]) -> bool:
    return usage.get("prompt_tokens") is not None or usage.get("completion_tokens") is not None


def _number(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, int | float) and int(value) == value:
        return int(value)
    raise SampleError(f"{value!r} is no number of tokens")
