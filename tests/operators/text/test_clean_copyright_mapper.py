from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.clean_copyright_mapper import CleanCopyrightMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("a /* CopyRight me */ b", "a  b"),
        ("a /* no notice */ b /* copyright */", "a /* no notice */ b /* copyright */"),
        ("# one\n\n// two\n-- three\ncode # four", "code # four"),
        (" # indented", " # indented"),
        ("# only\n", ""),
        ("/* open copyright", "/* open copyright"),
        ("/*/ copyright */x", "x"),
        ("", ""),
        ("\n\ntext", "text"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(CleanCopyrightMapper(), text) == [rewritten]
