from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dj_assets.operators.text.clean_links_mapper import CleanLinksMapper

PATTERN = regex.compile(CleanLinksMapper.default_pattern, regex.IGNORECASE | regex.DOTALL)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("see http://example.com/a_(b)_c, ok", "see , ok"),
        ("WWW.Example.org.", "."),
        ("at bit.ly/xy now", "at  now"),
        ("it is 10:30 on C:\\x", "it is 10:30 on C:\\x"),
        ("note:this", ""),
        ("at 10:30:00 in A1:B2", "at 10:30:00 in A1:B2"),
        ("note:it (http://a.bc/de) http://a.bc/def. (http://a.bc/de) x.yz/w", "note:it () . () x.yz/w"),
        ("javascript:alert(1)", ""),
        ("mailto:x@y", ""),
        ("http://", "http://"),
    ],
)
def test_links_go(bench: Any, text: str, after: str) -> None:
    assert bench.rewritten(CleanLinksMapper(), text) == [after]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(st.text("awW.:/() é\u212a\u017f\u0130\u01311%-_"), max_size=4))
def test_no_text_with_a_link_is_passed_over(bench: Any, texts: list[str]) -> None:
    assert bench.rewritten(CleanLinksMapper(repl="L"), *texts) == [PATTERN.sub("L", text) for text in texts]


@pytest.mark.parametrize("character", ["w", "a", "\u017f", "\u212a", "\u0130", "é", "一", "_", "9", "\u0662"])
def test_every_kind_of_letter_leaves_a_trace(character: str) -> None:
    forms = [f"ab{character}:{character}xy", f"www{character}.ab", f"x.{character}b/cd", f"a{character}://b"]
    linked = [text for text in forms if PATTERN.search(text)]
    assert linked
    assert pc.all(pc.match_substring_regex(pa.array(linked), CleanLinksMapper.trace)).as_py()


def test_a_tail_of_marks_takes_linear_time(bench: Any) -> None:
    text = "http://" + "!" * 20_000
    assert bench.rewritten(CleanLinksMapper(), text) == [text]
