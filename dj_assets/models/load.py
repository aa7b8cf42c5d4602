"""How models load: once a process, through one function a kind."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


@cache
def sentencepiece(path: Path) -> Any:  # noqa: ANN401
    """Load a SentencePiece processor."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(path))


@cache
def kenlm(path: Path) -> Any:  # noqa: ANN401
    """Load a KenLM model: binary, ARPA or gzipped ARPA."""
    import kenlm

    quiet = kenlm.Config()
    quiet.show_progress = False
    quiet.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(str(path), quiet)


@cache
def fasttext(path: Path) -> Any:  # noqa: ANN401
    """Load a fastText model, plain or compressed."""
    import fasttext

    return fasttext.load_model(str(path))


@cache
def tokenizer(path: Path) -> Any:  # noqa: ANN401
    """Load a Hugging Face tokenizer from its folder or its `tokenizer.json`, by the package `tokenizers` alone."""
    import tokenizers

    return tokenizers.Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))


@cache
def opencc(mode: str) -> Any:  # noqa: ANN401
    """Load a converter of Chinese scripts; its dictionaries come with the package."""
    import opencc

    return opencc.OpenCC(mode)
