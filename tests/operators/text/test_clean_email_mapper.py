from __future__ import annotations

from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dj_assets.operators.text.clean_email_mapper import CleanEmailMapper

PLAIN = regex.compile(r"[A-Za-z0-9.\-+_]+@[a-z0-9.\-+_]+\.[a-z]+")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", ""),
        ("write to jane.doe+x@mail.example.com.", "write to ."),
        ("Jane@Example.com", "Jane@Example.com"),
        ("a@b", "a@b"),
        ("一a@b.cd一", "一一"),
    ],
)
def test_addresses_go(bench: Any, text: str, after: str) -> None:
    assert bench.rewritten(CleanEmailMapper(), text) == [after]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("aB.@-_ é"), max_size=4))
def test_the_quick_pattern_is_the_plain_one(bench: Any, texts: list[str]) -> None:
    assert bench.rewritten(CleanEmailMapper(repl=r"<\g<0>>"), *texts) == [PLAIN.sub(r"<\g<0>>", t) for t in texts]


def test_a_long_run_before_the_sign_takes_linear_time(bench: Any) -> None:
    assert bench.rewritten(CleanEmailMapper(), "a" * 500_000 + "@") == ["a" * 500_000 + "@"]


@pytest.mark.parametrize("pattern", ["r'b.c'", 'r"b.c"', "b.c"])
def test_an_own_pattern_with_or_without_quotes(bench: Any, pattern: str) -> None:
    made = CleanEmailMapper(pattern=pattern, repl="_")
    assert bench.rewritten(made, "ab\ncd", "abxcd", "plain") == ["a_d", "a_d", "plain"]


def test_a_broken_pattern_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        CleanEmailMapper(pattern="(")
