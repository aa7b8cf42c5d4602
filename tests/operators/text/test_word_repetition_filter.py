from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dj_assets.kernels.special_characters import SPECIAL_CHARACTERS
from dj_assets.operators.text.word_repetition_filter import WordRepetitionFilter

SPECIAL = "".join(SPECIAL_CHARACTERS)


def naive(text: str, n: int) -> float:
    words = [w for part in text.replace("\n", " ").replace("\t", " ").split(" ") if (w := part.lower().strip(SPECIAL))]
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)).values()
    return sum(c for c in counts if c > 1) / sum(counts) if counts else 0.0


def test_by_hand(bench: Any) -> None:
    # a b, b a, a b -> two of three
    texts = ["a B, A b!", "a b c", "a", ""]
    assert bench.measured(WordRepetitionFilter(rep_len=2), *texts) == [2 / 3, 0.0, 0.0, 0.0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("aBø, .!İΣ\n"), max_size=4), st.integers(1, 4))
def test_as_plain_python(bench: Any, texts: list[str], n: int) -> None:
    assert bench.measured(WordRepetitionFilter(rep_len=n), *texts) == [naive(text, n) for text in texts]


def test_pieces_repeat_too(bench: Any) -> None:
    made = WordRepetitionFilter(rep_len=2, tokenization=True)
    assert bench.measured(made, "the people the people the people", "the") == [1.0, 0.0]
