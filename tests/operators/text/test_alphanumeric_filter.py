from __future__ import annotations

from typing import Any

import pytest
from tokenizers import Tokenizer

from dj_assets.operators.text.alphanumeric_filter import AlphanumericFilter


def test_share_of_letters_and_digits(bench: Any) -> None:
    assert bench.measured(AlphanumericFilter(), "", "ab 1", "数据!", "---") == [0.0, 0.75, 2 / 3, 0.0]


def test_letters_per_token(bench: Any) -> None:
    # digits are no letters; how many tokens "hello world" has depends on the tokenizer that is there
    texts = ["", "hello world", "123"]
    measured = bench.measured(AlphanumericFilter(tokenization=True), *texts)
    folder = bench.models.find("EleutherAI/pythia-6.9b-deduped").path
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("hello world", add_special_tokens=False).tokens
    assert measured == [0.0, 10 / len(tokens), 0.0]


@pytest.mark.parametrize(("tokenization", "key"), [(False, "alnum_ratio"), (True, "alpha_token_ratio")])
def test_the_statistic_depends_on_the_parameters(tokenization: bool, key: str) -> None:
    made = AlphanumericFilter(tokenization=tokenization)
    assert [s.key for s in made.statistics] == [key]
    assert made.condition.key == key
    assert bool(made.models()) is tokenization


def test_the_class_has_the_statistic_of_the_defaults() -> None:
    assert [s.key for s in AlphanumericFilter.statistics] == ["alnum_ratio"]
