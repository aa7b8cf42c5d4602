from __future__ import annotations

from typing import Any

import ftfy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.text.fix_unicode_mapper import FixUnicodeMapper

PIECES = st.sampled_from(["plain", "<b>", "&amp;", "Ã©", "’", "\n", "\r\n", "\x1b[31m", "ﬁ", "Ｌ", "e\u0301", "\x00"])


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", ""),
        ("plain\ttext\n", "plain\ttext\n"),
        ("âœ” fine", "✔ fine"),
        ("a &amp; b", "a & b"),
        ("<b>\na &amp; b", "<b>\na &amp; b"),
        ("a &amp; b\n<b> &amp;", "a & b\n<b> &amp;"),
        ("“x”\r\n", '"x"\n'),
    ],
)
def test_repairs(bench: Any, text: str, after: str) -> None:
    assert bench.rewritten(FixUnicodeMapper(), text) == [after]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PIECES, max_size=8).map("".join) | st.text(st.characters(codec="utf-8")), max_size=3))
def test_short_cuts_change_nothing(bench: Any, texts: list[str]) -> None:
    assert bench.rewritten(FixUnicodeMapper(), *texts) == [ftfy.fix_text(text) for text in texts]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&") | st.sampled_from("\t\n")))
def test_what_is_passed_over_needs_no_repair(text: str) -> None:
    assert ftfy.fix_text(text) == text


def test_a_line_longer_than_a_segment(bench: Any) -> None:
    text = "’x " * 400_000
    assert bench.rewritten(FixUnicodeMapper(), text) == [ftfy.fix_text(text)]


@pytest.mark.parametrize(("form", "after"), [(None, "é²"), ("NFKC", "é2"), ("nfd", "e\u0301²"), ("NFKD", "e\u03012")])
def test_normalization(bench: Any, form: str | None, after: str) -> None:
    assert bench.rewritten(FixUnicodeMapper(normalization=form), "é²") == [after]


def test_an_unknown_form_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="use one of NFC, NFKC, NFD, NFKD"):
        FixUnicodeMapper(normalization="NFX")
