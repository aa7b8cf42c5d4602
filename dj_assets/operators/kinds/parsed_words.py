"""Parse texts with spaCy, for several filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from dj_assets.errors import SampleError, UserError
from dj_assets.models import extras, load
from dj_assets.operators.base import Filter
from dj_assets.operators.batch import Batch

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

# Tokens for images, sounds, videos and the ends of chunks. They are not words.
SPECIAL_TOKENS = ("<__dj__image>", "<__dj__audio>", "<__dj__video>", "<|__dj__eoc|>")


class ParsedFilter(Filter):
    """Filter by the words of a text as spaCy parses them.

    The model is `en_core_web_md` or `zh_core_web_md`. Special tokens for media are removed before. A text longer than
    the model accepts, a million characters, is quarantined.
    """

    parts_of_speech: ClassVar[frozenset[str]]
    tags: ClassVar[frozenset[str]]

    lang: Literal["en", "zh"] = "en"

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
        return batch.derive(("parsed", path), lambda: _parsed(load.spacy(path), batch.text.to_pylist()))

    def chosen(self, document: Doc) -> list[Token]:
        """Return the words of a document that have the required part of speech and tag."""
        return [word for word in document if word.pos_ in self.parts_of_speech and word.tag_ in self.tags]


def _parsed(model: Language, texts: list[str]) -> list[Doc]:
    return [model(_prepared(text, model.max_length)) for text in texts]


def _prepared(text: str, longest: int) -> str:
    for token in SPECIAL_TOKENS:
        text = text.replace(token, "")
    if len(text) > longest:
        raise SampleError(f"the text has {len(text)} characters, more than the {longest} that the parser takes")
    return text.strip()
