from __future__ import annotations

import re

import pytest

from dj_assets.samples.grammar import FOLDER, Dice, Grammar, foreign_sentences

DOMAINS = sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem != "common")


@pytest.mark.parametrize("domain", DOMAINS)
def test_sentences_have_every_slot_filled(domain: str) -> None:
    text = Grammar.of(domain, Dice("test")).sentences(200, 200)
    symbols = "|".join(Grammar.of(domain, Dice("")).symbols)
    # A citation key stays within braces in LaTeX, so the name of a symbol there would be one that was not filled.
    assert not re.search(rf"\{{(?:{symbols})(?:\.\w+)?\}}", text)
    assert "  " not in text
    assert "|" not in text


def test_the_same_seed_says_the_same() -> None:
    first, again, other = (Grammar.of("web", Dice(seed)).paragraphs(3) for seed in ("a", "a", "b"))
    assert first == again != other


def test_braces_that_name_no_symbol_stay() -> None:
    assert Grammar.of("science", Dice("x")).expand(r"\emph{et al.} {unknown}") == r"\emph{et al.} {unknown}"


def test_dice_cover_their_range() -> None:
    dice = Dice("range")
    assert {dice.between(2, 5) for _ in range(200)} == {2, 3, 4, 5}
    assert sorted(dice.shuffled(range(50))) == list(range(50))


def test_foreign_sentences_are_distinct() -> None:
    stock = foreign_sentences()
    assert sorted(stock) == ["ar", "de", "es", "fr", "ru", "zh"]
    assert all(len(set(sentences)) == 10 for sentences in stock.values())
