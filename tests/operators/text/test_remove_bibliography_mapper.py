from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.remove_bibliography_mapper import RemoveBibliographyMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("a \\bibliography{x} b", "a "),
        ("a \\bibliography{x", "a \\bibliography{x"),
        ("a \\bibliographystyle{x} b", "a \\bibliographystyle{x} b"),
        ("\\bibliography{ \\appendix x", "\\bibliography{ "),
        ("body\n\\begin{thebibliography}{9}\n", "body\n"),
        ("x \\begin{references}", "x "),
        ("x \\begin{References}", "x \\begin{References}"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(RemoveBibliographyMapper(), text) == [rewritten]
