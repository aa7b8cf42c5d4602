"""Make other versions of Chinese texts by nlpcda."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from typing import Any, ClassVar

from dj_assets.operators.kinds.augmented_texts import AugmentedTexts
from dj_assets.operators.registry import register

# The methods and the classes of the library, in the order of Data-Juicer.
_CLASSES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "replace_similar_word": ("Similarword", {}),
    "replace_homophone_char": ("Homophone", {}),
    "delete_random_char": ("RandomDeleteChar", {}),
    "swap_random_char": ("CharPositionExchange", {"char_gram": 1}),
    "replace_equivalent_num": ("EquivalentChar", {}),
}


@register("nlpcda_zh_mapper")
class NlpcdaZhMapper(AugmentedTexts):
    r"""Make samples with other versions of Chinese texts by the library nlpcda (Jiang 2020), such as other words.

    Words are replaced by similar ones, characters by others of the same sound; characters are deleted or swapped;
    digits are written in other ways. All methods are off by default. With `sequential`, `aug_num` versions are made by
    all methods in a row, else as many by each method; a method that finds nothing to change makes none. The library
    joins the lines of a text. The new samples, children, stay next to the original one, or replace it
    (`keep_original_sample`). The text decides what is drawn: every run makes the same versions. A text of more than
    100,000 characters is quarantined.
    """

    packages: ClassVar[Mapping[str, str]] = {"nlpcda": "augment"}

    replace_similar_word: bool = False
    replace_homophone_char: bool = False
    delete_random_char: bool = False
    swap_random_char: bool = False
    replace_equivalent_num: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the names of the methods that are on, in the order of their use."""
        return tuple(name for name in _CLASSES if getattr(self, name))

    def load(self) -> None:
        """Load the methods that are on; the library draws from a fixed state while it does."""
        for replacer in self._replacers:
            _replacer(*replacer)

    def versions(self, text: str) -> Sequence[str]:
        """Return the new versions of a text."""
        if self.sequential:
            return self._in_a_row(text)
        made: list[str] = []
        for replacer in self._replacers:
            # the first text that the library returns is the given one
            made += _replacer(*replacer).replace(text)[1:]
        return made

    @property
    def _replacers(self) -> tuple[tuple[str, int], ...]:
        """Return the methods with the number of texts that each returns, the given one included."""
        counts = [self.aug_num + 1 if number == 0 or not self.sequential else 2 for number in range(len(self.chosen))]
        return tuple(zip(self.chosen, counts, strict=True))

    def _in_a_row(self, text: str) -> list[str]:
        texts = [text]
        for replacer in self._replacers:
            changed = [_replacer(*replacer).replace(version) for version in texts]
            texts = [version for versions in changed for version in (versions[1:] or versions)]
        return [] if texts == [text] else texts


@cache
def _replacer(name: str, versions: int) -> Any:  # noqa: ANN401 - the package has no types
    nlpcda = _library()
    kind, settings = _CLASSES[name]
    with redirect_stdout(io.StringIO()):
        return getattr(nlpcda, kind)(create_num=versions, **settings)


@cache
def _library() -> Any:  # noqa: ANN401 - the package has no types
    """Return the library, with the dictionary of its tokenizer loaded."""
    import logging

    # the library says on standard output which of its parts are missing
    with redirect_stdout(io.StringIO()):
        import jieba
        import nlpcda

    jieba.setLogLevel(logging.WARNING)
    # jieba would read a cache that anybody may have written into the folder of temporary files
    with tempfile.TemporaryDirectory() as folder:
        jieba.dt.tmp_dir = folder
        jieba.initialize()
    return nlpcda
