from __future__ import annotations

from typing import Any

from dj_assets.operators.text.words_num_filter import WordsNumFilter


def test_words_of_marks_do_not_count(bench: Any) -> None:
    texts = ["", "one two\tthree\nfour", "one - 2 !!! (two)", "a\u00a0b c\rd", "一 ok"]
    assert bench.measured(WordsNumFilter(), *texts) == [0, 4, 2, 2, 1]


def test_refining_sees_the_word_as_it_is_written(bench: Any) -> None:
    # the small letter is in the list of special characters, the capital is not
    assert bench.measured(WordsNumFilter(), "Ø ø") == [1]


def test_pieces(bench: Any) -> None:
    made = WordsNumFilter(tokenization=True)
    assert made.models() == ("en.sp.model",)
    assert bench.measured(made, "", "the people")[0] == 0
    assert bench.measured(made, "", "the people")[1] >= 2


def test_unknown_pieces_keep_their_surface(bench: Any) -> None:
    # both are unknown to the English model; the emoji alone is special and no word
    assert (
        bench.measured(WordsNumFilter(tokenization=True), "咀")[0]
        == bench.measured(WordsNumFilter(tokenization=True), "😀")[0] + 1
    )
