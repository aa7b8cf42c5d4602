"""Parse texts with spaCy, for several filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from dj_assets.errors import SampleError, UserError
from dj_assets.models import extras, load
from dj_assets.operators.base import Filter
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.substitution import compiled

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

# Words that are parsed in about two seconds; the text has a hundred thousand characters then.
MOST_WORDS = 20_000
# The longest run of characters without white space: addresses are searched in it in quadratic time.
LONGEST_WORD = 50_000
SHORT_WORD = 1000
# Limit on the signs at the ends of a word, times its length.
MOST_STRIPPING = 20_000_000
# Tokens for images, sounds, videos and the ends of chunks. They are not words.
SPECIAL_TOKENS = ("<__dj__image>", "<__dj__audio>", "<__dj__video>", "<|__dj__eoc|>")


class ParsedFilter(Filter):
    """Filter by the words of a text as spaCy parses them.

    The model is `en_core_web_md` or `zh_core_web_md`. Special tokens for media are removed before. A text with more
    than `max_words` words and signs is quarantined: spaCy takes a second for 10,000 to 20,000 of them. So is a text
    longer than the model accepts, a million characters, and an English one with 50,000 characters without white space,
    or with thousands of signs at the end of a word, which take quadratic time.
    """

    parts_of_speech: ClassVar[frozenset[str]]
    tags: ClassVar[frozenset[str]]

    lang: Literal["en", "zh"] = "en"
    max_words: int = Field(MOST_WORDS, ge=1)

    @model_validator(mode="after")
    def _spacy_is_installed(self) -> Self:
        try:
            extras.require("spacy", "nlp")
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    def models(self) -> tuple[str, ...]:
        """Return the spaCy model of the language."""
        return (f"{self.lang}_core_web_md",)

    def parsed(self, batch: Batch) -> list[Doc]:
        """Return the parsed document of every text."""
        path = batch.models.find(*self.models()).path
        key = ("parsed", path, self.max_words)
        return batch.derive(key, lambda: _parsed(load.spacy(path), batch.text.to_pylist(), self.max_words))

    def chosen(self, document: Doc) -> list[Token]:
        """Return the words of a document that have the required part of speech and tag."""
        return [word for word in document if word.pos_ in self.parts_of_speech and word.tag_ in self.tags]


def _parsed(model: Language, texts: list[str], most_words: int) -> list[Doc]:
    # Chinese has no white space between words, and its tokenizer takes linear time
    spaced = model.lang != "zh"
    return [_parse(model, _prepared(text, model.max_length, spaced=spaced), most_words) for text in texts]


def _parse(model: Language, text: str, most_words: int) -> Doc:
    """Parse a text if its words are not too many. Those at white space, at most as many, are counted first: quickly."""
    _check_number(len(text.split()), most_words)
    words = model.make_doc(text)
    _check_number(len(words), most_words)
    return model(words)


def _check_number(words: int, most: int) -> None:
    if words > most:
        raise SampleError(f"{words} words, more than the {most} that are parsed; split the text, or raise max_words")


def _prepared(text: str, longest: int, *, spaced: bool) -> str:
    for token in SPECIAL_TOKENS:
        text = text.replace(token, "")
    if len(text) > longest:
        raise SampleError(f"the text has {len(text)} characters, more than the {longest} that the parser takes")
    if spaced:
        _check_cost(text)
    return text.strip()


def _check_cost(text: str) -> None:
    """Refuse texts that take the tokenizer quadratic time: it takes signs off the ends of a word one by one."""
    for word in text.split():
        if len(word) < SHORT_WORD:
            continue
        first, last = (compiled(pattern, 0).search(word) for pattern in (r"[^\W_]", r"(?r)[^\W_]"))
        signs = len(word) - (last.end() - first.start() if first and last else 0)
        if len(word) > LONGEST_WORD or signs * len(word) > MOST_STRIPPING:
            raise SampleError(f"{len(word)} characters without white space, too many to be parsed in time")
