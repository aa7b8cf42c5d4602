"""Split texts into the tokens of CLIP: normalized as by Hugging Face's fast tokenizer, truncated to the context."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The tokens that the released models take, with the two at the ends.
CONTEXT = 77
START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
# The first line of a file of merges is its version.
_VERSION_LINES = 1
# The number of merges of open_clip's file that are in the vocabulary of the released models.
_RELEASED_MERGES = 49152 - 256 - 2


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
    if (folder / "vocab.json").is_file():
        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        return _byte_pairs(vocabulary, (folder / "merges.txt").read_text("utf-8").splitlines())
    merges = _open_clip_merges(folder)
    return _byte_pairs(_vocabulary(merges), merges)


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


def _open_clip_merges(folder: Path) -> list[str]:
    """Return the merges in the folder of an open_clip model, or those of all released models."""
    path = next(iter(sorted(folder.glob("bpe*.txt.gz"))), None)
    if path is None:
        import open_clip.tokenizer

        path, wanted = Path(open_clip.tokenizer.default_bpe()), _RELEASED_MERGES
    else:
        wanted = None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()[_VERSION_LINES:]
    return [line for line in lines if line][:wanted]


def _vocabulary(merges: Sequence[str]) -> dict[str, int]:
    """Return the vocabulary of merges: bytes, bytes that end a word, merged pairs, the two end tokens."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # printable bytes represent themselves and come first
    plain = [c for c in letters if ord(c) < 256]
    letters = plain + [c for c in letters if ord(c) >= 256]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge.split()) for merge in merges)]
    return {token: number for number, token in enumerate([*tokens, START, END])}
