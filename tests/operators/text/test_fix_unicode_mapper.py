from __future__ import annotations

import unicodedata
from re import _parser as parser
from typing import Any

import ftfy
import pytest
import regex
from ftfy.badness import BADNESS_RE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.batch import Batch
from dj_assets.operators.text.fix_unicode_mapper import INERT, FixUnicodeMapper

INERT_CHARACTERS = regex.findall(f"[{INERT}]", "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)])))
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


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["Привет", "Г", "В", "數據", "が", "か\u3099", "한", "\u1112\u1161\u11ab", "नमस्ते", "\u0958", "é", "Ђ", " a"]
        )
    )
)
def test_lines_of_other_scripts(pieces: list[str]) -> None:
    text = "".join(pieces)
    batch = FixUnicodeMapper().apply(Batch.of_texts([text, text + "\n" + text]))
    assert batch.text.to_pylist() == [ftfy.fix_text(text), ftfy.fix_text(text + "\n" + text)]


def test_no_inert_character_is_changed_but_by_normalization() -> None:
    for character in INERT_CHARACTERS:
        form = "NFD" if unicodedata.is_normalized("NFD", character) else "NFC"
        if unicodedata.is_normalized(form, character):
            assert ftfy.fix_text(f"a{character}b", normalization=form) == f"a{character}b"


def test_every_sign_of_mojibake_needs_a_character_that_is_not_inert() -> None:
    """Each alternative of ftfy's pattern has a mandatory place that no inert character fills."""
    [(branch, (_, alternatives))] = parser.parse(BADNESS_RE.pattern, BADNESS_RE.flags)
    assert str(branch) == "BRANCH"
    inert = "".join(INERT_CHARACTERS)
    for alternative in alternatives:
        assert any(needs_another(place, inert) for place in alternative), alternative


def needs_another(place: tuple[Any, Any], inert: str) -> bool:
    kind, argument = place
    if str(kind) == "LITERAL":
        return chr(argument) not in inert
    if str(kind) != "IN":
        return False
    ranges = [(a if str(k) == "RANGE" else (a, a)) for k, a in argument if str(k) in {"RANGE", "LITERAL"}]
    if len(ranges) < len(argument):
        return False
    return not any(low <= ord(character) <= high for low, high in ranges for character in inert)


def test_a_line_longer_than_a_segment(bench: Any) -> None:
    text = "’x " * 400_000
    assert bench.rewritten(FixUnicodeMapper(), text) == [ftfy.fix_text(text)]


@pytest.mark.parametrize(("form", "after"), [(None, "é²"), ("NFKC", "é2"), ("nfd", "e\u0301²"), ("NFKD", "e\u03012")])
def test_normalization(bench: Any, form: str | None, after: str) -> None:
    assert bench.rewritten(FixUnicodeMapper(normalization=form), "é²") == [after]


def test_an_unknown_form_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="use one of NFC, NFKC, NFD, NFKD"):
        FixUnicodeMapper(normalization="NFX")
