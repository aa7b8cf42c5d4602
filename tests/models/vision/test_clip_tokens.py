"""CLIP's tokens, against the tokenizer of transformers."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dj_assets.models.vision.clip_tokens import ClipTokens
from tests.models.vision.conftest import TEXTS
from tests.models.vision.tiny import CLIP, MERGES


def wanted(folder: Path, context: int) -> np.ndarray:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder)
    found = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=context, return_tensors="np")
    return found["input_ids"]


@pytest.mark.parametrize("context", [24, 77])
def test_tokens_are_those_of_transformers(context: int, tiny: Path) -> None:
    found = ClipTokens(tiny / CLIP, context)(TEXTS)
    assert np.array_equal(found, wanted(tiny / CLIP, context))
    assert found.shape == (len(TEXTS), context)


def test_a_long_text_keeps_its_beginning_and_an_end_token(tiny: Path) -> None:
    tokens = ClipTokens(tiny / CLIP, 24)
    (found,) = tokens(["the " * 100])
    assert found[-1] == tokens.end
    assert len(set(found[1:-1].tolist())) == 1


def test_a_ready_tokenizer_is_used_as_it_is(tiny: Path, tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    CLIPTokenizer.from_pretrained(tiny / CLIP).save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.json").exists()
    (tmp_path / "vocab.json").unlink(missing_ok=True)
    assert np.array_equal(ClipTokens(tmp_path, 24)(TEXTS), ClipTokens(tiny / CLIP, 24)(TEXTS))


def test_the_merges_of_an_open_clip_folder(tiny: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bpe_tiny.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(["#version: 0.2", *MERGES, ""]))
    found = ClipTokens(tmp_path, 24)
    plain = ["a cat and the dog", "x é"]
    by_name = [found.tokenizer.id_to_token(token) for token in found(plain)[0]]
    assert by_name[:7] == ["<|startoftext|>", "a</w>", "cat</w>", "and</w>", "the</w>", "dog</w>", "<|endoftext|>"]


def test_a_folder_without_merges_has_those_of_the_released_models(tmp_path: Path) -> None:
    import open_clip

    found = ClipTokens(tmp_path, 77)(["A photo of 2 cats, isn't it?", "日本 naïve"])
    assert np.array_equal(found[:, 0], [49406, 49406])
    theirs = open_clip.tokenizer.SimpleTokenizer()(["a photo of 2 cats, isn't it?", "日本 naïve"]).numpy()
    # they fill up with zeros
    assert np.array_equal(np.where(theirs == 0, 49407, theirs), found)
