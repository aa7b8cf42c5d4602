"""Split texts into the tokens of CLIP: normalized as by Hugging Face's fast tokenizer, truncated to the context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from dj_assets.models.vision.checkpoint import read_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The tokens that the released models take, with the two at the ends.
CONTEXT = 77
START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


class Tokens(Protocol):
    """Tokenizer of one CLIP checkpoint."""

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the tokens of every text, padded and truncated to the context, shape `(len(texts), context)`."""

    def length(self, text: str) -> int:
        """Return the number of tokens of a text, with those at its ends and without truncation."""


class ClipTokens:
    """Tokenizer that splits texts into the byte pairs of one checkpoint.

    Normalization is NFC, one space for every run of white space, lower case; mojibake is not repaired, HTML entities
    are kept. A text longer than the context keeps its beginning, and the last token is the end token.
    """

    def __init__(self, folder: Path, context: int) -> None:
        self.context = context
        self.tokenizer = _tokenizer(folder)
        self.tokenizer.enable_truncation(context)
        self.end = self.tokenizer.token_to_id(END)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the tokens of every text, padded with end tokens, shape `(len(texts), context)`."""
        tokens = np.full((len(texts), self.context), self.end, np.int64)
        for row, encoding in zip(tokens, self.tokenizer.encode_batch(list(texts)), strict=True):
            row[: len(encoding.ids)] = encoding.ids
        return tokens

    def length(self, text: str) -> int:
        """Return the number of tokens of a text, with those at its ends and without truncation."""
        encoding = self.tokenizer.encode(text)
        return len(encoding.ids) + sum(len(more.ids) - 2 for more in encoding.overflowing)


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        return tokenizer
    vocabulary = {str(token): int(number) for token, number in read_json(folder, "vocab.json").items()}
    return _byte_pairs(vocabulary, (folder / "merges.txt").read_text("utf-8").splitlines())


def _byte_pairs(vocabulary: dict[str, int], merge_lines: Iterable[str]) -> Tokenizer:
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    merges: Any = [tuple(line.split()) for line in merge_lines if line and not line.startswith("#version")]
    model = models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", unk_token=END)
    tokenizer = Tokenizer(model)
    cleaning = [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(cleaning)
    words = pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=True, special=True) for token in (START, END)])
    ends = ((END, vocabulary[END]), (START, vocabulary[START]))
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=False, add_prefix_space=False)
    return tokenizer
