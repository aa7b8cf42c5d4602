"""Make questions and answers after examples by a language model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, PositiveInt, field_validator

from dj_assets.errors import UserError
from dj_assets.operators.base import FieldMapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, put
from dj_assets.operators.kinds.optimized_dialog import QUERY, RESPONSE
from dj_assets.operators.registry import register

Pairs = tuple[tuple[str, str], ...]
_TASK = (
    "Find out what the questions and answers that you are shown have in common, and write a new question with its "
    "answer, or several that follow each other. They have the same form, differ from the examples, may be about "
    "another subject, and the answers are right. Use the marks of the examples, and write nothing else."
)
_EXAMPLE, _PAIR = "\nAn example:\n{}", "【问题】\n{}\n【回答】\n{}\n"
_FORM = r"(?:【问题】|\[Question\])(.*?)(?:【回答】|\[Answer\])(.*?)(?=【问题】|\[Question\]|$)"
_HISTORY = "history"
_GROUPS = 2
_NO_FILE = "needs a seed_file: lines of JSON with messages of users and assistants"


@register("generate_qa_from_examples_mapper")
class GenerateQaFromExamplesMapper(LanguageModelOperator, FieldMapper):
    """Write a new question and answer into the fields `query`, `response` and `history` of each sample.

    The model is shown `example_num` dialogs of `seed_file`, lines of JSON with `messages`. The position of a sample in
    its file decides which, so that every run makes the same. The last pair of the answer is `query` and `response`, the
    ones before are `history`. All are empty if the call failed, or if the answer resembles an example: if the ROUGE-L
    of its words and those of an example is above `similarity_threshold`. The groups of `output_pattern` are question
    and answer.
    """

    fields: ClassVar[Mapping[str, pa.DataType]] = {
        QUERY: pa.string(),
        RESPONSE: pa.string(),
        _HISTORY: pa.list_(pa.list_(pa.string())),
    }

    hf_model: str | None = "Qwen/Qwen2.5-7B-Instruct"
    seed_file: str = ""
    example_num: PositiveInt = 3
    similarity_threshold: float = Field(0.7, ge=0, le=1)
    system_prompt: str | None = None
    input_template: str | None = None
    example_template: str | None = None
    qa_pair_template: str | None = None
    output_pattern: str | None = None

    @field_validator("output_pattern")
    @classmethod
    def _has_groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and re.compile(pattern).groups != _GROUPS:
            raise ValueError("needs two groups, for question and answer")
        return pattern

    def problem(self) -> str | None:
        """Return why nothing can be asked: no examples are given, or no model is configured."""
        return super().problem() if self.seed_file else _NO_FILE

    def measuring_parameters(self) -> dict[str, object]:
        """Return the parameters, with the checksum of the examples in place of their path."""
        path = Path(self.seed_file)
        content = path.read_bytes() if self.seed_file and path.is_file() else b""
        return {**super().measuring_parameters(), "seed_file": hashlib.sha256(content).hexdigest()}

    def extract(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return question, answer and history of every sample."""
        examples = _examples(Path(self.seed_file), len(batch) and self._changed()) if self.seed_file else ()
        chosen = [self._chosen(examples, key) for key in _positions(batch)]
        prompts = [self._prompt(own) if own else None for own in chosen]
        system = _TASK if self.system_prompt is None else self.system_prompt
        given = self.ask(batch, prompts, self.read, system)
        made: list[Pairs] = [
            pairs if pairs and self._is_new(pairs, own) else () for pairs, own in zip(given, chosen, strict=True)
        ]
        values = {
            QUERY: [pairs[-1][0] if pairs else "" for pairs in made],
            RESPONSE: [pairs[-1][1] if pairs else "" for pairs in made],
            _HISTORY: [[list(pair) for pair in pairs[:-1]] for pairs in made],
        }
        return {name: pa.array(values[name], kind) for name, kind in self.fields.items()}

    def read(self, answer: str) -> Pairs:
        """Return the pairs of an answer; raise `ValueError` if it has none."""
        matches = re.findall(self.output_pattern or _FORM, answer, re.DOTALL)
        pairs = tuple((question.strip(), response.strip()) for question, response in matches)
        if not pairs:
            raise ValueError("has no pair of question and answer")
        return pairs

    def _changed(self) -> int:
        path = Path(self.seed_file)
        return path.stat().st_mtime_ns if path.exists() else 0

    def _chosen(self, examples: Sequence[Pairs], position: str) -> list[Pairs]:
        """Return the examples for a sample: those whose hash with its position is least."""
        ranked = sorted(
            range(len(examples)), key=lambda number: hashlib.sha256(f"{position}\0{number}".encode()).digest()
        )
        return [examples[number] for number in ranked[: self.example_num]]

    def _prompt(self, examples: Sequence[Pairs]) -> str:
        pair, example = self.qa_pair_template or _PAIR, self.example_template or _EXAMPLE
        shown = ("".join(put(pair, *each) for each in pairs if all(each)) for pairs in examples)
        return put(self.input_template or "{}", "".join(put(example, text) for text in shown))

    def _is_new(self, pairs: Pairs, examples: Sequence[Pairs]) -> bool:
        return all(rouge_l(_words(pairs), _words(example)) <= self.similarity_threshold for example in examples)


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """Return ROUGE-L of two texts in words: the harmonic mean of the shares of their longest common subsequence.

    Examples
    --------
    >>> rouge_l("the cat sat".split(), "the dog sat down".split())
    0.5714285714285714
    """
    lengths = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for index, other in enumerate(b, 1):
            before, lengths[index] = (
                lengths[index],
                before + 1 if word == other else max(lengths[index], lengths[index - 1]),
            )
    return 2 * lengths[-1] / (len(a) + len(b)) if a or b else 0.0


def _words(pairs: Pairs) -> list[str]:
    return " ".join(text for pair in pairs for text in pair).split()


def _positions(batch: Batch) -> list[str]:
    """Return what tells the samples of a subset apart: their ids or rows, else their place in the batch."""
    names = [name for name in ("id", "row") if name in batch.rows.schema.names]
    if not names:
        return [str(number) for number in range(len(batch))]
    columns = (batch.rows.column(name).to_pylist() for name in names)
    return ["\0".join(map(str, values)) for values in zip(*columns, strict=True)]


@cache
def _examples(path: Path, _mtime_ns: int) -> tuple[Pairs, ...]:
    """Return the dialogs of a file as pairs of question and answer.

    Raises
    ------
    UserError
        If the file cannot be read, or has no dialogs.
    """
    try:
        lines: list[Any] = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError(f"seed_file: {path} cannot be read: {error}") from None
    dialogs = tuple(pairs for line in lines if isinstance(line, dict) and (pairs := _pairs(line.get("messages"))))
    if not dialogs:
        raise UserError(f"seed_file: {path} has no dialogs; write lines such as {{'messages': [...]}}")
    return dialogs


def _pairs(messages: object) -> Pairs:
    question, pairs = "", []
    for message in messages if isinstance(messages, list) else ():
        role, content = (message.get("role"), str(message.get("content"))) if isinstance(message, dict) else (None, "")
        if role == "user":
            question = content
        elif role == "assistant":
            pairs.append((question, content))
    return tuple(pairs)
