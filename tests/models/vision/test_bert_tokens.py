"""BERT's word pieces, against the tokenizer of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from dj_assets.models.vision.bert_tokens import bert_tokens
from tests.models.vision.conftest import TEXTS
from tests.models.vision.tiny import BLIP, write_words

MORE = [
    "a [SEP] b [UNK] [sep]",
    "Ünïcode Éa e\u0301",
    "x" * 120,
    "cats.",
    "中文 a字b",
    "\x00\ufffd\u200b tab\tline\n",
    " ",
]


def ids(tokenizer: Tokenizer) -> list[list[int]]:
    return [found.ids for found in tokenizer.encode_batch(TEXTS + MORE)]


@pytest.mark.parametrize("settings", [{}, {"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True}])
@pytest.mark.parametrize("longest", [8, 40])
def test_pieces_are_those_of_transformers(settings: dict[str, bool], longest: int, tmp_path: Path) -> None:
    from transformers import BertTokenizer

    write_words(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    theirs = BertTokenizer.from_pretrained(tmp_path)
    found = theirs(TEXTS + MORE, truncation=True, max_length=longest)
    assert ids(bert_tokens(tmp_path, longest)) == found["input_ids"]


def test_a_ready_tokenizer_is_used_as_it_is(tiny: Path, tmp_path: Path) -> None:
    from transformers import BertTokenizer

    BertTokenizer.from_pretrained(tiny / BLIP).save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.json").exists()
    (tmp_path / "vocab.txt").unlink(missing_ok=True)
    assert ids(bert_tokens(tmp_path, 40)) == ids(bert_tokens(tiny / BLIP, 40))
