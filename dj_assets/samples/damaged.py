"""Make documents with damage of known strength, so that the findings of a sandbox are known beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from dj_assets.samples.grammar import Dice, Grammar

DOCUMENTS, HELD_OUT = 900, 60
_SYMBOLS = "#$%&*+/<=>@^_|~"
_MOST_NOISE, _MOST_REPEATS = 0.4, 8


def damaged_files(seed: str, pack: Callable[[bytes], bytes]) -> Mapping[str, bytes]:
    """Return the damaged documents and, for evaluation, others without damage, keyed by path; `pack` compresses."""
    return {
        "damaged/documents.jsonl.gz": pack(_lines(_document(f"{seed}/damaged/{n}", n) for n in range(DOCUMENTS))),
        "damaged/held_out.jsonl.gz": pack(
            _lines({"text": Grammar.of("web", Dice(f"{seed}/held_out/{n}")).sentences(3, 5)} for n in range(HELD_OUT))
        ),
    }


def _document(seed: str, index: int) -> dict[str, object]:
    """Return a document with three independent properties.

    Letters are replaced by symbols (`noise` is their share) and a phrase is repeated (`repeats` times): both make the
    document worse to learn from. The width of its lines makes no difference.
    """
    dice = Dice(seed)
    g = Grammar.of("web", dice)
    noise = dice.below(1000) / 1000 * _MOST_NOISE
    repeats = dice.between(0, _MOST_REPEATS)
    text, phrase = (_noisy(dice, words, noise) for words in (g.sentences(2, 4), g.expand("{adj} {noun} {noun}")))
    words = text.split() + phrase.split() * repeats
    width = dice.between(3, 25)
    lines = [" ".join(words[at : at + width]) for at in range(0, len(words), width)]
    return {"id": f"damaged-{index:04}", "text": "\n".join(lines), "meta": {"noise": noise, "repeats": repeats}}


def _noisy(dice: Dice, text: str, noise: float) -> str:
    return "".join(dice.pick(_SYMBOLS) if char != " " and dice.chance(noise) else char for char in text)


def _lines(records: Iterator[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
