"""A probabilistic grammar: symbols with alternatives, read from the text files in the folder `grammar`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeVar

from dj_assets.samples import morphology

T = TypeVar("T")
FOLDER = Path(__file__).parent / "grammar"
_SLOT = re.compile(r"\{(?:#(\d+)-(\d+)|([A-Za-z]\w*)(?:\.(\w+))?)\}")
# The weight of a word or rule of the domain, relative to one of the common stock.
_DOMAIN_WEIGHT = 3


class Dice:
    """Make seeded choices with `Random.random` only, whose sequence Python promises never to change."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311

    def below(self, limit: int) -> int:
        """Return an integer in `[0, limit)`."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Return an integer in `[low, high]`."""
        return low + self.below(high - low + 1)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, all with the same probability."""
        return options[self.below(len(options))]

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self._random.random() < probability

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        keyed = [(self._random.random(), index) for index in range(len(items))]
        return [items[index] for _, index in sorted(keyed)]


@dataclass(frozen=True)
class Grammar:
    """Make words, sentences and paragraphs of one domain.

    `{noun}` expands a symbol, `{noun.s}` its plural, `{verb.ed}` a past tense (see `morphology.FORMS`), `{#2-40}` a
    number; other text in braces is not changed, so that LaTeX is kept.
    """

    symbols: dict[str, list[str]]
    dice: Dice

    @classmethod
    def of(cls, domain: str, dice: Dice) -> Grammar:
        """Return the grammar of a domain: `common` plus the domain's own words and rules, which have more weight."""
        symbols = {name: list(options) for name, options in _read("common").items()}
        for name, options in _read(domain).items():
            symbols[name] = symbols.get(name, []) + options * _DOMAIN_WEIGHT
        return cls(symbols, dice)

    def expand(self, text: str) -> str:
        """Return the text with every slot filled."""
        return _SLOT.sub(self._fill, text)

    def sentence(self) -> str:
        """Return one sentence with its full stop."""
        text = morphology.capitalised(self.expand("{S}"))
        return text if text[-1] in '.!?"' else text + "."

    def sentences(self, low: int, high: int) -> str:
        """Return `low` to `high` sentences with a space between them."""
        return " ".join(self.sentence() for _ in range(self.dice.between(low, high)))

    def paragraphs(self, count: int, low: int = 3, high: int = 7, gap: str = "\n\n") -> str:
        """Return `count` paragraphs of `low` to `high` sentences each."""
        return gap.join(self.sentences(low, high) for _ in range(count))

    def title(self, text: str = "{NP} {PP}") -> str:
        """Return a heading made of the given slots."""
        return morphology.capitalised(self.expand(text))

    def name(self) -> str:
        """Return a forename and a surname."""
        return self.expand("{forename} {surname}")

    def _fill(self, slot: re.Match[str]) -> str:
        low, high, symbol, form = slot.groups()
        if low is not None:
            return str(self.dice.between(int(low), int(high)))
        if symbol not in self.symbols:
            return slot[0]
        chosen = self.dice.pick(self.symbols[symbol])
        if symbol.isupper() or form == "cap":
            text = self.expand(chosen)
            return morphology.capitalised(text) if form == "cap" else text
        if form == "s":
            return morphology.plural(chosen) if symbol == "noun" else morphology.third_person(chosen)
        return morphology.FORMS.get(form, morphology.base_form)(chosen)


def foreign_sentences() -> dict[str, list[str]]:
    """Return ten sentences in each of six languages other than English."""
    loaded: dict[str, list[str]] = json.loads((FOLDER / "foreign.json").read_text("utf-8"))
    return loaded


@cache
def _read(domain: str) -> dict[str, list[str]]:
    symbols: dict[str, list[str]] = {}
    name = ""
    for line in (FOLDER / f"{domain}.txt").read_text("utf-8").splitlines():
        if line.startswith("== "):
            name = line[3:].strip()
            symbols[name] = []
        elif line:
            symbols[name] += [line] if name.isupper() or name == "NP1" else [word.strip() for word in line.split(", ")]
    return symbols
