from __future__ import annotations

import pytest

from dj_assets.samples.morphology import article, base_form, capitalised, gerund, participle, past, plural, third_person


@pytest.mark.parametrize(
    ("noun", "expected"),
    [("house", "houses"), ("city", "cities"), ("day", "days"), ("box", "boxes"), ("child|children", "children")],
)
def test_plural(noun: str, expected: str) -> None:
    assert plural(noun) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("apple", "an apple"),
        ("unit", "a unit"),
        ("hour", "an hour"),
        ("unusual", "an unusual"),
        ("child|children", "a child"),
    ],
)
def test_article(word: str, expected: str) -> None:
    assert article(word) == expected


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("stop", ("stops", "stopped", "stopped", "stopping")),
        ("give/gave", ("gives", "gave", "given", "giving")),
        ("carry", ("carries", "carried", "carried", "carrying")),
        ("set/set up", ("sets up", "set up", "set up", "setting up")),
        ("find/found", ("finds", "found", "found", "finding")),
        ("beg/begged", ("begs", "begged", "begged", "begging")),
    ],
)
def test_verb_forms(verb: str, forms: tuple[str, ...]) -> None:
    assert (third_person(verb), past(verb), participle(verb), gerund(verb)) == forms


def test_base_form_and_capital() -> None:
    assert base_form("give/gave") == "give"
    assert capitalised('"never," she said') == '"Never," she said'
