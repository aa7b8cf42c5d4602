from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.text.flagged_words_filter import FlaggedWordsFilter


@pytest.fixture
def lists(tmp_path: Path) -> str:
    entries = {"en": ["darn", "bad word", "ab", "Upper"], "zh": ["坏"]}
    (tmp_path / "flagged_words.json").write_text(json.dumps(entries), "utf-8")
    return str(tmp_path)


def test_share_of_flagged_words(bench: Any, lists: str) -> None:
    texts = ["", "Darn! it", "fine", "--- 123", "upper", "darn darn it 坏"]
    made = FlaggedWordsFilter(flagged_words_dir=lists)
    assert bench.measured(made, *texts) == [0.0, 0.5, 0.0, 0.0, 0.0, 0.5]
    assert bench.measured(FlaggedWordsFilter(flagged_words_dir=lists, lang="all"), texts[-1]) == [0.75]


def test_augmentation_adds_to_both_sides(bench: Any, lists: str) -> None:
    joined = FlaggedWordsFilter(flagged_words_dir=lists, use_words_aug=True, words_aug_join_char=" ")
    # bad, word, here + "bad word", "word here"; runs never reach into the next text
    assert bench.measured(joined, "bad word here", "bad", "word") == [1 / 5, 0.0, 0.0]
    glued = FlaggedWordsFilter(flagged_words_dir=lists, use_words_aug=True, words_aug_group_sizes=[2, 3])
    # a, b, c + "ab", "bc" + "abc"
    assert bench.measured(glued, "a b c", "a b", "a", "") == [1 / 6, 1 / 3, 0.0, 0.0]


def test_without_a_list_for_the_language_there_is_no_operator(lists: str) -> None:
    with pytest.raises(ValidationError, match=r"no language 'xx'; it has en, zh and 'all'"):
        FlaggedWordsFilter(lang="xx", flagged_words_dir=lists)
    with pytest.raises(ValidationError, match="neither a folder"):
        FlaggedWordsFilter(flagged_words_dir=lists + "/nowhere")


def test_the_identity_is_what_the_list_says(lists: str, tmp_path: Path) -> None:
    before = FlaggedWordsFilter(flagged_words_dir=lists).measuring_parameters()
    assert before["flagged_words_dir"].startswith("sha256:")
    assert before != FlaggedWordsFilter().measuring_parameters()
    assert before == FlaggedWordsFilter(flagged_words_dir=lists, max_ratio=0.5).measuring_parameters()
