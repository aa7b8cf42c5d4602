from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dj_assets.errors import SampleError
from dj_assets.operators.text.expand_macro_mapper import ExpandMacroMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("\\newcommand{\\foo}{bar}\n\\foo and \\foob\\foo.", "\\newcommand{bar}{bar}\nbar and \\foobbar."),
        ("\\def \\a {x y}\n\\a\\a \\a", "\\def x y {x y}\nx y\\a \\a"),
        ("\\newcommand*{\\a}{\\b!}\n\\def\\b{é\\1}\n\\a-", "\\newcommand*{é\\1!}{é\\1!}\n\\defé\\1{é\\1}\né\\1!-"),
        (
            "\\newcommand{\\a}{one}\n\\newcommand{\\a}{two}\n\\a.",
            "\\newcommand{two}{one}\n\\newcommand{two}{two}\ntwo.",
        ),
        ("\\newcommand{\\a}{x} trailing\n\\a.", "\\newcommand{\\a}{x} trailing\n\\a."),
        ("\\newcommand{\\a}[1]{x}\n\\a.", "\\newcommand{\\a}[1]{x}\n\\a."),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(ExpandMacroMapper(), text) == [rewritten]


def test_macros_that_double_each_other_are_refused(bench: Any) -> None:
    names = "abcdefghijklmnopqrstuvwxyz"
    macros = [f"\\newcommand{{\\{one}}}{{\\{two} \\{two} }}" for one, two in pairwise(names)]
    with pytest.raises(SampleError, match="grows without end"):
        bench.rewritten(ExpandMacroMapper(), "\n".join([*macros, "\\a "]))
