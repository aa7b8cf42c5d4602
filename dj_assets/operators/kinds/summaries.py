"""Summarize several texts by a language model until one is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.language_model import LanguageModelOperator, filled, not_empty
from dj_assets.operators.kinds.llm_aggregator import parts_within

_TASK = (
    "Combine the pieces of a document into one text. It is about as long as one piece on average, keeps names and "
    "terms, and has no opinions of your own. Reply with the text and nothing else."
)
_PIECE, _INPUT = "文档碎片：\n{text}\n", "{sub_docs}\n\n文档总结：\n"
_QUOTES = {"'": "'", '"': '"', "“": "”", "‘": "’", "`": "`"}


@dataclass(frozen=True)
class Summary:
    """Hold how texts are summarized: the prompts, by default ours, and the most tokens of one call."""

    operator: LanguageModelOperator
    most: int | None = None
    system: str | None = None
    piece: str | None = None
    template: str | None = None

    def of_groups(self, batch: Batch, groups: Sequence[Sequence[str]]) -> list[str]:
        """Return the summary of every group of texts; empty without texts, and if all calls for it fail.

        A group is cut into parts that one call may have, and these are summarized, until one text is left.
        """
        left: Mapping[int, Sequence[str]] = {index: [*texts] for index, texts in enumerate(groups)}
        while any(len(texts) > 1 for texts in left.values()):
            parts = [
                (index, part)
                for index, texts in left.items()
                for part in ([[*texts]] if len(texts) < 2 else _in_pairs(parts_within(texts, self.most)))
            ]
            prompts = [self._prompt(part) if len(part) > 1 else None for _, part in parts]
            asking = Batch.of_texts([""] * len(parts), batch.models)
            given = self.operator.ask(asking, prompts, _unquoted, _TASK if self.system is None else self.system)
            made: dict[int, list[str]] = {index: [] for index in left}
            for (index, part), answer in zip(parts, given, strict=True):
                made[index] += part if len(part) == 1 else [answer] if answer else []
            left = made
        return [texts[0] if texts else "" for _, texts in sorted(left.items())]

    def _prompt(self, part: Sequence[str]) -> str:
        pieces = "\n".join(filled(self.piece or _PIECE, text=text) for text in part)
        return filled(self.template or _INPUT, sub_docs=pieces)


def _in_pairs(parts: list[list[str]]) -> list[list[str]]:
    """Return the parts; if each is a single text, two of them together, so that there are fewer."""
    if any(len(part) > 1 for part in parts):
        return parts
    return [[text for part in parts[first : first + 2] for text in part] for first in range(0, len(parts), 2)]


def _unquoted(answer: str) -> str:
    text = answer.strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return not_empty(text)
