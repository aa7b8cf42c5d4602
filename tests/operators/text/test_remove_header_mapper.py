from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_header_mapper import RemoveHeaderMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("pre \\section{One} x", "\\section{One} x"),
        ("pre \\subsubsection*[short]{One}", "\\subsubsection*[short]{One}"),
        ("pre \\section[open {x} \\part{y}", "\\part{y}"),
        ("pre \\section{never closed", ""),
        ("\\paragraph {x}", ""),
        ("pre \\section[a]\n]{b}", "\\section[a]\n]{b}"),
        ("no heading", ""),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveHeaderMapper(), text) == [rewritten]


def test_a_text_without_heading_may_stay(bench: Any) -> None:
    assert bench.rewritten(RemoveHeaderMapper(drop_no_head=False), "no heading", "a \\part{b}") == [
        "no heading",
        "\\part{b}",
    ]
