"""A table of paraphrases, texts that are planted by it, and a model of model2vec whose words mean what it says."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

# Words of one line mean the same.
SYNONYMS = [
    line.split()
    for line in """
    big large huge
    small little tiny
    car automobile vehicle
    house home dwelling
    fast quick rapid
    begin start commence
    end finish conclude
    buy purchase acquire
    road street lane
    child kid youngster
    doctor physician medic
    happy glad joyful
    sad unhappy gloomy
    boat ship vessel
    speak talk converse
    old ancient aged
    stone rock boulder
    wood timber lumber
    sea ocean water
    ill sick unwell
    clever smart bright
    job work task
    friend companion pal
    picture image photograph
    meal dinner supper
    town city village
    choose select pick
    repair mend fix
    make build construct
    gift present donation
    """.strip().splitlines()
]
FILLERS = "the a of in to and with for on at".split()
DIMENSIONS = 32


def save_model(folder: Path) -> Path:
    """Write a model in which words of one line have nearly the same vector, and fillers a short one."""
    random_numbers = np.random.default_rng(5)
    words, vectors = ["[UNK]", *FILLERS], [np.zeros(DIMENSIONS)]
    vectors += [0.05 * random_numbers.standard_normal(DIMENSIONS) for _ in FILLERS]
    for line in SYNONYMS:
        meaning = random_numbers.standard_normal(DIMENSIONS)
        words += line
        vectors += [meaning + 0.25 * random_numbers.standard_normal(DIMENSIONS) for _ in line]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    model = StaticModel(
        np.array(vectors, np.float32), tokenizer, config={"model_type": "model2vec", "normalize": True}, normalize=True
    )
    model.save_pretrained(str(folder))
    return folder


def planted(texts: int, paraphrased: int, seed: int = 1) -> tuple[list[str], dict[int, int]]:
    """Return texts, of which the last ones say what others say, and for each of these the number of the other."""
    chance = random.Random(seed)
    plain = [[chance.randrange(len(SYNONYMS)) for _ in range(9)] for _ in range(texts)]
    written = [_written(meaning, chance) for meaning in plain]
    originals = {texts + index: chance.randrange(texts) for index in range(paraphrased)}
    return written + [_written(plain[of], chance) for of in originals.values()], originals


def _written(meanings: list[int], chance: random.Random) -> str:
    """Write meanings by words of the table, in any order, with fillers between them."""
    words = [chance.choice(SYNONYMS[meaning]) for meaning in chance.sample(meanings, len(meanings))]
    return " ".join(f"{chance.choice(FILLERS)} {word}" for word in words)
