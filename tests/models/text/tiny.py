"""Tiny models of texts with random weights, as transformers writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import filelock
import pytest

from tests.models.vision.tiny import SIDE, _preprocessor, loud, write_words

TRANSLATOR = "Helsinki-NLP/opus-mt-zh-en"
CLASSIFIERS = (
    "bespin-global/klue-roberta-small-3i4k-intent-classification",
    "mrm8488/distilroberta-finetuned-financial-news-sentiment-analysis",
    "dstefa/roberta-base_topic_classification_nyt_news",
)
CAPTIONER = "Salesforce/blip2-opt-2.7b"
_SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def shared_text_models(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of tiny models that all test processes of a session share."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny_text_models"
    with filelock.FileLock(f"{folder}.lock"):
        if not folder.exists():
            make_text_models(folder.with_suffix(".unfinished")).replace(folder)
    return folder


def make_text_models(folder: Path) -> Path:
    """Fill a folder with a translator, classifiers and a describer of pictures."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BlipConfig,
        BlipForConditionalGeneration,
        T5Config,
        T5ForConditionalGeneration,
    )

    with torch.random.fork_rng():
        torch.manual_seed(7)
        for name in CLASSIFIERS:
            words = write_words(folder / name)
            labels = {0: "calm", 1: "glad", 2: "cross"}
            config = BertConfig(vocab_size=len(words), max_position_embeddings=40, id2label=labels, **_SMALL)
            loud(BertForSequenceClassification(config)).save_pretrained(folder / name)
        words = write_words(folder / TRANSLATOR)
        sizes = {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_layers": 2, "num_heads": 2}
        ends = {"pad_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 3}
        translator = loud(T5ForConditionalGeneration(T5Config(vocab_size=len(words), **ends, **sizes)))
        translator.generation_config.max_length = 12
        translator.save_pretrained(folder / TRANSLATOR)
        words = write_words(folder / CAPTIONER)
        text = {**_SMALL, "vocab_size": len(words), "encoder_hidden_size": 32, "max_position_embeddings": 140}
        ids = {"pad_token_id": 0, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
        vision = {**_SMALL, "image_size": SIDE, "patch_size": 8}
        captioner = BlipForConditionalGeneration(BlipConfig(text_config={**text, **ids}, vision_config=vision))
        loud(captioner).save_pretrained(folder / CAPTIONER)
        size = {"height": SIDE, "width": SIDE}
        _preprocessor(folder / CAPTIONER, "BlipImageProcessor", size, 3, processor_class="BlipProcessor")
        settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "processor_class": "BlipProcessor"}
        (folder / CAPTIONER / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
