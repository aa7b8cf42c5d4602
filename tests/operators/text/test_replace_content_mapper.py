"""Replacements by regular expressions; the expected texts are those of `re.sub`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.batch import Batch
from dj_assets.operators.text.replace_content_mapper import ReplaceContentMapper

TEXTS = ["a1 b22\nc333", "", "none"]


def replaced(**parameters: Any) -> list[str]:
    texts: list[str] = ReplaceContentMapper(**parameters).apply(Batch.of_texts(TEXTS)).text.to_pylist()
    return texts


@pytest.mark.parametrize("pattern", [r"\d+", r"b.*", r"([abc])(\d)"])
@pytest.mark.parametrize("template", ["", "<x>", r"[\g<0>]"])
def test_one_pattern(pattern: str, template: str) -> None:
    expected = [re.sub(pattern, template, text, flags=re.DOTALL) for text in TEXTS]
    assert replaced(pattern=pattern, repl=template) == expected
    assert replaced(pattern=f"r'{pattern}'", repl=template) == expected


def test_several_patterns_in_their_order() -> None:
    assert replaced(pattern=[r"\d", "xx"], repl=["x", "y"]) == ["ax by\ncyx", "", "none"]
    assert replaced(pattern=[r"\d", "n"], repl="") == ["a b\nc", "", "oe"]
    assert replaced() == TEXTS


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"pattern": "("}, "is no substitution"),
        ({"pattern": "a", "repl": r"\1"}, "is no substitution"),
        ({"pattern": ["a", "b"], "repl": ["x"]}, "repl has 1 templates for 2 patterns"),
    ],
)
def test_a_mistake_is_found_when_the_recipe_loads(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ReplaceContentMapper(**parameters)
