"""Every mapper ends soon on texts made to keep it busy, or refuses them with a reason."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dj_assets.errors import SampleError
from dj_assets.operators import registry
from dj_assets.operators.base import Mapper
from tests.operators.own_samples import OWN_SAMPLES

# `make hostile` asks every operator for a megabyte. Linear work takes less than a second here; what grows with the
# square of the size takes minutes.
SIZE = 250_000
LIMIT_S = 10
PATTERNS = (
    *("a", "<", "{", "%", "|", ".", "&", "@", "1.", "a%\n", "a|", "a b\n", "a b\nc d\nx\n", "#\n", "/*", "abcd:", ".”"),
    *(r"\newcommand{\a}{", r"\def\a{", r"\def ", r"\section[", r"\section{", r"\bibliography{", r"\begin{"),
    *("<div>", "<b>", "<b><p>", "<a ", "x=1 ", "<!--", "&#x", "数", "……", "http://a "),
)
MAPPERS = [
    name for name in registry.operator_names() if issubclass(registry.find(name), Mapper) and name not in OWN_SAMPLES
]


@pytest.mark.parametrize("name", [name for name in MAPPERS if name != "sentence_split_mapper"])
def test_ends_soon(name: str, bench: Any) -> None:
    made = registry.find(name)()
    bench.rewritten(made, "a")
    for pattern in PATTERNS:
        for text in (pattern * (SIZE // len(pattern)), "x\n" + pattern * (SIZE // len(pattern)) + "}]{\n"):
            started = time.process_time()
            try:
                bench.rewritten(made, text)
            except SampleError as refused:
                assert str(refused)
            assert time.process_time() - started < LIMIT_S, (name, pattern)


def test_nested_braces_end_soon(bench: Any) -> None:
    text = "\\section{" * 100_000 + "}" * 100_000
    for name in MAPPERS:
        if "sentence" not in name:
            started = time.process_time()
            bench.rewritten(registry.find(name)(), text)
            assert time.process_time() - started < LIMIT_S, name
