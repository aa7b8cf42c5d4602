"""Split texts into the word pieces of BERT and BLIP, as Hugging Face's tokenizer does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dj_assets.models.vision.checkpoint import read_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONFIG = "tokenizer_config.json"
_START, _END, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_SPECIAL = ("[PAD]", _UNKNOWN, _START, _END, "[MASK]")


def bert_tokens(folder: Path, longest: int) -> Tokenizer:
    """Return the tokenizer of a checkpoint; it truncates texts to `longest` tokens, including both end tokens."""
    from tokenizers import Tokenizer

    ready = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(ready)) if ready.is_file() else _of_vocabulary(folder)
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return tokenizer


def _of_vocabulary(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    config = read_json(folder, _CONFIG)
    lines = (folder / "vocab.txt").read_text("utf-8").split("\n")
    vocabulary = {piece.rstrip("\r"): number for number, piece in enumerate(lines) if piece}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=config.get("do_lower_case", True),
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([token for token in _SPECIAL if token in vocabulary])
    ends = [(token, vocabulary[token]) for token in (_START, _END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{_START} $A {_END}", special_tokens=ends)
    return tokenizer
