"""Other versions of texts by nlpaug and nlpcda: how many, which changes, and the same in every run."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.augmented_texts import MOST_CHARACTERS, AugmentedTexts
from dj_assets.operators.text.nlpaug_en_mapper import NlpaugEnMapper
from dj_assets.operators.text.nlpcda_zh_mapper import NlpcdaZhMapper

ENGLISH = "I love large language models, and they love me too."
CHINESE = "这里一共有5种不同的数据增强方法，今天天气很好，我们一起去公园玩吧。"
OF_WORDS = ("delete_random_word", "swap_random_word", "spelling_error_word", "split_random_word")
OF_CHARACTERS = (
    "keyboard_error_char",
    "ocr_error_char",
    "delete_random_char",
    "swap_random_char",
    "insert_random_char",
)
CHINESE_METHODS = (
    "replace_similar_word",
    "replace_homophone_char",
    "delete_random_char",
    "swap_random_char",
    "replace_equivalent_num",
)


def versions(operator: AugmentedTexts, *texts: str) -> list[list[str]]:
    return operator.expand(Batch.of_texts(list(texts))).to_pylist()


@pytest.mark.parametrize("name", [*OF_WORDS, *OF_CHARACTERS])
def test_every_method_for_english(name):
    [made] = versions(NlpaugEnMapper(aug_num=3, **{name: True}), ENGLISH)
    assert len(made) == 3
    assert all(text != ENGLISH for text in made)
    words, letters = len(ENGLISH.split()), len(ENGLISH.replace(" ", ""))
    for text in made:
        if name == "delete_random_word":
            assert len(text.split()) < words
        elif name == "swap_random_word":
            assert sorted(text.lower().split()) == sorted(ENGLISH.lower().split()) or "," in text
        elif name == "split_random_word":
            assert len(text.split()) > words
            assert text.replace(" ", "") == ENGLISH.replace(" ", "")
        elif name == "delete_random_char":
            assert len(text.replace(" ", "")) < letters
        elif name == "insert_random_char":
            assert len(text.replace(" ", "")) > letters
        elif name in ("keyboard_error_char", "swap_random_char"):
            assert len(text.split()) == words


@pytest.mark.parametrize("name", CHINESE_METHODS)
def test_every_method_for_chinese(name):
    [made] = versions(NlpcdaZhMapper(aug_num=2, **{name: True}), CHINESE)
    assert len(made) == 2
    assert len({CHINESE, *made}) == 3
    for text in made:
        if name == "swap_random_char":
            assert sorted(text) == sorted(CHINESE)
        elif name == "delete_random_char":
            assert len(text) < len(CHINESE)
        elif name == "replace_equivalent_num":
            assert text.replace("5", "") != text or text[:5] == CHINESE[:5]
            assert len(text) == len(CHINESE)


def test_methods_by_themselves_or_in_a_row():
    chosen = {"delete_random_word": True, "insert_random_char": True}
    assert [len(made) for made in versions(NlpaugEnMapper(aug_num=2, **chosen), ENGLISH, "")] == [4, 0]
    assert [len(made) for made in versions(NlpaugEnMapper(aug_num=2, sequential=True, **chosen), ENGLISH)] == [2]
    chosen = {"swap_random_char": True, "replace_equivalent_num": True}
    assert [len(made) for made in versions(NlpcdaZhMapper(aug_num=2, **chosen), CHINESE, "no", "")] == [4, 0, 0]
    assert [len(made) for made in versions(NlpcdaZhMapper(aug_num=2, sequential=True, **chosen), CHINESE)] == [2]
    assert versions(NlpcdaZhMapper(sequential=True, **chosen), "no") == [[]]


@pytest.mark.parametrize("operator", [NlpaugEnMapper, NlpcdaZhMapper])
def test_without_a_method_nothing_is_made(operator):
    assert versions(operator(), ENGLISH, CHINESE) == [[], []]
    assert operator().keeps_parents
    assert not operator(keep_original_sample=False).keeps_parents


@pytest.mark.parametrize(
    ("operator", "texts"),
    [
        (NlpaugEnMapper(swap_random_word=True, keyboard_error_char=True), [ENGLISH, "another text of words"]),
        (NlpcdaZhMapper(replace_similar_word=True, swap_random_char=True), [CHINESE, CHINESE[7:]]),
    ],
)
def test_a_text_has_the_same_versions_in_any_batch_and_chance_is_left_alone(operator, texts):
    random.seed(5)
    np.random.seed(5)
    first = versions(operator, *texts)
    drawn = random.random(), np.random.random()
    assert versions(operator, *texts[::-1]) == first[::-1]
    assert [versions(operator, text)[0] for text in texts] == first
    random.seed(5)
    np.random.seed(5)
    assert drawn == (random.random(), np.random.random())


def test_a_long_text_is_quarantined():
    from dj_assets.errors import SampleError

    with pytest.raises(SampleError, match="has 100,001 characters"):
        versions(NlpaugEnMapper(delete_random_word=True), "a" * (MOST_CHARACTERS + 1))
