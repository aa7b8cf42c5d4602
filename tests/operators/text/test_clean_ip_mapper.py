from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.text.clean_ip_mapper import CleanIpMapper


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("from 10.0.0.255 on", "from  on"),
        ("1.2.3.456", "6"),
        ("256.1.1.1", "2"),
        ("01.2.3.4", "0"),
        ("1.2.3", "1.2.3"),
        ("at 2001:DB8:0:0:8:800:200C:417A.", "at ."),
        ("fe80::1", "fe80::1"),
    ],
)
def test_rewrites(bench: Any, text: str, rewritten: str) -> None:
    assert bench.rewritten(CleanIpMapper(), text) == [rewritten]


def test_what_replaces_it_is_a_template(bench: Any) -> None:
    assert bench.rewritten(CleanIpMapper(repl="<IP>"), "a 1.1.1.1 b") == ["a <IP> b"]
    assert bench.rewritten(CleanIpMapper(pattern=r"(\d+)-(\d+)", repl=r"\2"), "1-2 3") == ["2 3"]
