from __future__ import annotations

import json
from typing import Any

import ftfy
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.batch import Batch
from dj_assets.operators.text.fix_unicode_mapper import FixUnicodeMapper
from tests.paths import shared

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


SCRIPTS = ["Привет", "Г", "В", "數據", "が", "か\u3099", "한", "\u1112\u1161\u11ab", "नमस्ते", "\u0958", "é", "Ђ", " a"]
SIGNS = [
    *"ÂÃÐÎâ€™œŒžŸŠ°®©«»“”‘’¡¿ßàéñøØÙ£¢¥²³×½µ¶§≤√≈ВГРСЂвβΒđĀā─│║▓",
    "\xa0",
    "\xad",
    "\x9d",
    "\ufffd",
    "\u3000",
    " ",
    "a",
]
DOUBTFUL = [
    "&amp;",
    "&lt;",
    "&#13;",
    "&#10;",
    "&#1;",
    "&rsquo;",
    "&Eacute;",
    "&nbsp;",
    "&Atilde;",
    "&amp",
    "&amp;amp;",
    "&eacute;",
    "&Atilde;&copy;",
    "&#769;",
    "&#x80;",
    "&",
    ";",
    "；",
    "＆",
    "#38",
    "<",
    "\r\n",
    "\r",
    "\n",
    "Ａ",
    "ﬁ",
    "＜",
    "\ufeff",
    "\u2028",
    "😀",
    "𠀀",
    "\u0301",
    "ª",
]


@pytest.mark.parametrize("form", [None, "NFKC", "NFD", "NFKD"])
@settings(max_examples=300)
@given(text=st.lists(st.sampled_from(SCRIPTS + SIGNS + DOUBTFUL)).map("".join))
def test_as_ftfy_whatever_meets(form: Any, text: str) -> None:
    batch = FixUnicodeMapper(normalization=form).apply(Batch.of_texts([text, text + "\n" + text]))
    expected = [ftfy.fix_text(one, normalization=form or "NFC") for one in (text, text + "\n" + text)]
    assert batch.text.to_pylist() == expected


@pytest.mark.parametrize("form", ["NFC", "NFKC", "NFD", "NFKD"])
def test_every_character_alone(form: Any) -> None:
    texts = [f"a{chr(point)}b" for point in [*range(0x800), *range(0x800, 0xD800, 7), *range(0xE000, 0x20100, 7)]]
    batch = FixUnicodeMapper(normalization=form).apply(Batch.of_texts(texts))
    assert batch.text.to_pylist() == [ftfy.fix_text(text, normalization=form) for text in texts]


NAMES = ["redpajama_c4", "redpajama_cc", "redpajama_wiki", "alpaca_cot_zh", "redpajama_book", "redpajama_code"]


@pytest.mark.parametrize("name", NAMES)
def test_real_texts(name: str) -> None:
    path = shared() / "data" / f"{name}.jsonl.zst"
    texts = []
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            if sum(map(len, texts)) > 400_000:
                break
    batch = FixUnicodeMapper().apply(Batch.of_texts(texts))
    assert batch.text.to_pylist() == [ftfy.fix_text(text) for text in texts]


def test_a_line_longer_than_a_segment(bench: Any) -> None:
    text = "’x " * 400_000
    assert bench.rewritten(FixUnicodeMapper(), text) == [ftfy.fix_text(text)]


@pytest.mark.parametrize(("form", "after"), [(None, "é²"), ("NFKC", "é2"), ("nfd", "e\u0301²"), ("NFKD", "e\u03012")])
def test_normalization(bench: Any, form: str | None, after: str) -> None:
    assert bench.rewritten(FixUnicodeMapper(normalization=form), "é²") == [after]


def test_an_unknown_form_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="use one of NFC, NFKC, NFD, NFKD"):
        FixUnicodeMapper(normalization="NFX")
