from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.planted import write_planted
from benchmarks.splitting import between_spaces, between_white_space, jaccard, with_empty_words, word_characters


def test_pairs_have_the_similarity_that_they_are_planted_with(tmp_path: Path) -> None:
    texts, pairs = write_planted(tmp_path / "input", documents=25, pairs=2)
    written = [line for path in sorted((tmp_path / "input").iterdir()) for line in path.read_text().splitlines()]
    assert [json.loads(line) for line in written] == [{"id": str(n), "text": text} for n, text in enumerate(texts)]
    assert sorted({round(pair.similarity, 2) for pair in pairs}) == [0.6, 0.7, 0.77, 0.83, 0.91]
    assert len({number for pair in pairs for number in (pair.first, pair.second)}) == 2 * len(pairs) == 20
    for pair in pairs:
        both = texts[pair.first], texts[pair.second]
        assert jaccard(*both, between_white_space) == pytest.approx(pair.similarity, abs=0.004)
        assert jaccard(*both, between_spaces) < jaccard(*both, with_empty_words)


def test_each_way_to_split() -> None:
    text = "One, two.\n\nThree  four"
    assert between_spaces(text) == ["one,", "two.\n\nthree", "four"]
    assert between_white_space(text) == ["one,", "two.", "three", "four"]
    assert word_characters(text) == ["one", "two", "three", "four"]
    assert with_empty_words(text) == ["one", "", "two", "", "", "three", "", "four"]
