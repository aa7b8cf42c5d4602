"""Turn texts into token ids, each document with a token at its end, by `tokenizers` or SentencePiece."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dj_assets.errors import UserError

# Names of the token at the end of a document, most usual first.
_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]", "<|im_end|>")
# NumPy's types of token ids, small first; Megatron and MDS have both.
_SMALL, _LARGE = np.dtype("<u2"), np.dtype("<i4")

Tokens = npt.NDArray[np.generic]
"""Ids of tokens, of type uint16 or int32."""


@dataclass(frozen=True)
class TokenSettings:
    """Say how texts become tokens.

    Attributes
    ----------
    tokenizer
        A `tokenizer.json`, a SentencePiece model, or a folder that holds one of them.
    end
        The token at the end of each document; by default the one that the tokenizer names so.
    length
        Tokens of a sample; 0 for one document a sample. Only for formats whose samples have one length.
    """

    tokenizer: Path
    end: str = ""
    length: int = 0

    @cached_property
    def file(self) -> Path:
        """Return the file of the tokenizer.

        Raises
        ------
        UserError
            If there is none.
        """
        if self.tokenizer.is_file():
            return self.tokenizer
        for name in ("tokenizer.json", "tokenizer.model", "spiece.model"):
            if (self.tokenizer / name).is_file():
                return self.tokenizer / name
        raise UserError(
            f"{self.tokenizer}: is no tokenizer; name a tokenizer.json, a SentencePiece model or its folder"
        )

    def claim(self) -> dict[str, object]:
        """Return what decides the token ids."""
        checksum = hashlib.sha256(self.file.read_bytes()).hexdigest()
        return {"tokenizer": checksum, "end_of_document": self.end, "sequence_length": self.length}

    def open(self) -> Tokenizer:
        """Load the tokenizer.

        Raises
        ------
        UserError
            If the file cannot be read, or has no token for the end of a document.
        """
        is_json = self.file.read_bytes().lstrip().startswith(b"{")
        encode, vocabulary, ids, named = (_tokenizers if is_json else _sentencepiece)(self.file)
        names = [self.end] if self.end else [*([named] if named else []), *_ENDS]
        end = next((number for name in names if (number := ids(name)) is not None), None)
        if end is None:
            wanted = f"has no token {self.end!r}" if self.end else "names no token for the end of a document"
            raise UserError(f"{self.file}: {wanted}; name one of its tokens by --end-of-document")
        return Tokenizer(encode, end, _SMALL if vocabulary <= np.iinfo(_SMALL).max + 1 else _LARGE)


@dataclass(frozen=True)
class Tokenizer:
    """Encode texts; `dtype` holds every token id."""

    _encode: Callable[[Sequence[str]], list[list[int]]]
    end: int
    dtype: np.dtype[Any]

    def documents(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the token ids of each text, with the end of a document behind them."""
        return [np.asarray([*ids, self.end], self.dtype) for ids in self._encode(texts)]


Opened = tuple[Callable[[Sequence[str]], list[list[int]]], int, Callable[[str], int | None], str]


def _tokenizers(file: Path) -> Opened:
    import tokenizers

    try:
        model = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more special
        raise UserError(f"{file}: cannot be read as a tokenizer: {error}") from error
    # a document is neither cut nor filled up, whatever the file says
    model.no_truncation()
    model.no_padding()

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [found.ids for found in model.encode_batch_fast([*texts], add_special_tokens=False)]

    return encode, model.get_vocab_size(with_added_tokens=True), model.token_to_id, ""


def _sentencepiece(file: Path) -> Opened:
    import sentencepiece

    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(file))
    except (RuntimeError, OSError) as error:
        raise UserError(f"{file}: cannot be read as a tokenizer: {error}") from error

    def number_of(name: str) -> int | None:
        number = int(model.piece_to_id(name))
        return number if model.id_to_piece(number) == name else None

    end = model.eos_id()
    named = str(model.id_to_piece(end)) if end >= 0 else ""
    return lambda texts: model.encode([*texts], out_type=int), model.get_piece_size(), number_of, named
