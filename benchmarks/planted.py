"""Documents with planted near duplicates: made-up texts from a seed, in pairs of known Jaccard similarity.

A document has sentences of made-up words, whose frequencies follow Zipf's law, with punctuation and paragraphs. The
second document of a pair has other words in some places, each farther from the next than a shingle is long. So the
similarity of the two is known: that of the shingles of five words, where a word is a text between white space.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

WINDOW = 5
# Replaced words of a pair, and its shingles: each replaced word removes `WINDOW` of them.
PAIRS = ((4, 425), (7, 377), (10, 385), (14, 397), (19, 380))
WORDS = 30_000
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
LONGEST = 4000
# datatrove gives a file to each process.
FILES = 2
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two documents, by their numbers, and the Jaccard similarity of their shingles."""

    first: int
    second: int
    similarity: float


def similarity(replaced: int, shingles: int) -> float:
    """Return the Jaccard similarity of two texts of `shingles` shingles after n words were replaced."""
    common = shingles - WINDOW * replaced
    return common / (2 * shingles - common)


def write_planted(folder: Path, documents: int, pairs: int, seed: int = 20) -> tuple[list[str], list[Pair]]:
    """Write two files of JSON lines with `pairs` pairs of each similarity; return all texts by number, and the pairs.

    Documents come in a random order. Those in no pair have 20 to 4,000 words, 305 in the mean.
    """
    source = _Source(seed)
    made: list[str] = []
    planted = []
    for replaced, shingles in PAIRS:
        for _ in range(pairs):
            made += source.pair(replaced, shingles)
            planted.append((len(made) - 2, len(made) - 1, similarity(replaced, shingles)))
    made += [source.single() for _ in range(documents - len(made))]
    order = source.rng.permutation(len(made))
    texts = [made[place] for place in order]
    folder.mkdir()
    for number, part in enumerate(np.array_split(np.arange(len(texts)), FILES)):
        with (folder / f"{number}.jsonl").open("w", encoding="utf-8") as output:
            output.writelines(json.dumps({"id": str(at), "text": texts[at]}) + "\n" for at in part)
    number_of = np.argsort(order)
    return texts, [Pair(int(number_of[first]), int(number_of[second]), alike) for first, second, alike in planted]


class _Source:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        letters = random.Random(seed)
        made: dict[str, None] = {}
        while len(made) < WORDS:
            syllables = (letters.choice(CONSONANTS) + letters.choice(VOWELS) for _ in range(letters.randint(1, 4)))
            made["".join(syllables) + letters.choice(CONSONANTS)] = None
        self.words = np.array(list(made), object)
        chances = 1 / np.arange(2, WORDS + 2)
        self.shares = np.cumsum(chances / chances.sum())

    def single(self) -> str:
        return self._text(self._numbers(min(LONGEST, 20 + int(self.rng.exponential(285)))))

    def pair(self, replaced: int, shingles: int) -> tuple[str, str]:
        """Return two texts of which the second has other words, `WINDOW` or more apart and away from the ends."""
        count = shingles + WINDOW - 1
        numbers, ends = self._numbers(count), self._ends(count)
        room = count - 2 * (WINDOW - 1) - (replaced - 1) * (WINDOW - 1)
        places = np.sort(self.rng.choice(room, replaced, replace=False)) + np.arange(replaced) * (WINDOW - 1)
        other = numbers.copy()
        # never the same word again
        places += WINDOW - 1
        other[places] = (other[places] + 1 + self.rng.integers(0, WORDS - 1, replaced)) % WORDS
        return self._text(numbers, ends), self._text(other, ends)

    def _numbers(self, count: int) -> Numbers:
        return np.minimum(np.searchsorted(self.shares, self.rng.random(count)), WORDS - 1)

    def _ends(self, count: int) -> Numbers:
        """Return what follows each word: a space, a comma, the end of a sentence (every 12th), or of a paragraph."""
        return np.searchsorted((0.86, 0.92, 0.98), self.rng.random(count))

    def _text(self, numbers: Numbers, ends: Numbers | None = None) -> str:
        found = self._ends(len(numbers)) if ends is None else ends
        after = np.array([" ", ", ", ". ", ".\n\n"], object)[found]
        words = self.words[numbers]
        capital = np.concatenate(([True], found[:-1] >= 2))
        words[capital] = [word.capitalize() for word in words[capital]]
        return "".join((words + after).tolist()).rstrip()
