"""Make other versions of English texts by nlpaug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from dj_assets.operators.kinds.augmented_texts import AugmentedTexts
from dj_assets.operators.registry import register

# The methods, in the order of Data-Juicer: of words, then of characters.
_WORDS = ("delete_random_word", "swap_random_word", "spelling_error_word", "split_random_word")
_CHARACTERS = (
    "keyboard_error_char",
    "ocr_error_char",
    "delete_random_char",
    "swap_random_char",
    "insert_random_char",
)


@register("nlpaug_en_mapper")
class NlpaugEnMapper(AugmentedTexts):
    """Make samples with other versions of English texts by the library nlpaug (Ma 2019), such as texts with typos.

    Words are deleted, swapped, misspelt or split; characters are mistyped, misread, deleted, swapped or inserted. All
    methods are off by default. With `sequential`, `aug_num` versions are made by all methods in a row, else as many by
    each method. The new samples, children, stay next to the original one, or replace it (`keep_original_sample`).
    The text decides what is drawn: every run makes the same versions. A text of more than 100,000 characters is
    quarantined.
    """

    packages: ClassVar[Mapping[str, str]] = {"nlpaug": "augment"}

    delete_random_word: bool = False
    swap_random_word: bool = False
    spelling_error_word: bool = False
    split_random_word: bool = False
    keyboard_error_char: bool = False
    ocr_error_char: bool = False
    delete_random_char: bool = False
    swap_random_char: bool = False
    insert_random_char: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the names of the methods that are on, in the order of their use."""
        return tuple(name for name in (*_WORDS, *_CHARACTERS) if getattr(self, name))

    def load(self) -> None:
        """Load the methods that are on."""
        _augmenters(self.chosen, sequential=self.sequential)

    def versions(self, text: str) -> Sequence[str]:
        """Return the new versions of a text."""
        made: list[str] = []
        for augmenter in _augmenters(self.chosen, sequential=self.sequential):
            made += augmenter.augment(text, n=self.aug_num)
        return made


@cache
def _augmenters(names: tuple[str, ...], *, sequential: bool) -> tuple[Any, ...]:
    from dj_assets.kernels.import_guards import without

    # the library imports them for augmenters that are not used here
    with without("torch"), without("transformers"):
        import nlpaug.augmenter.char as characters
        import nlpaug.augmenter.word as words
        from nlpaug import flow
    from nlpaug.util import Action

    makers = {
        "delete_random_word": lambda: words.RandomWordAug(action=Action.DELETE),
        "swap_random_word": lambda: words.RandomWordAug(action=Action.SWAP),
        "spelling_error_word": words.SpellingAug,
        "split_random_word": words.SplitAug,
        "keyboard_error_char": characters.KeyboardAug,
        "ocr_error_char": characters.OcrAug,
        "delete_random_char": lambda: characters.RandomCharAug(action=Action.DELETE),
        "swap_random_char": lambda: characters.RandomCharAug(action=Action.SWAP),
        "insert_random_char": lambda: characters.RandomCharAug(action=Action.INSERT),
    }
    made = [makers[name]() for name in names]
    return (flow.Sequential(made),) if sequential else tuple(made)
