"""CLIP's tokens, against the tokenizer of transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dj_assets.models.vision.clip_tokens import ClipTokens
from tests.models.vision.conftest import TEXTS
from tests.models.vision.tiny import CLIP


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
