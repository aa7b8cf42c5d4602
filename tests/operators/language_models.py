"""Models of language for tests: a Punkt splitter trained on the spot."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

SENTENCES = (
    "Dr. Smith came from St. Mary. He met Mr. Brown and Dr. Jones at noon. Prof. Adams spoke to Dr. Brown. "
    "Mrs. Green saw Mr. Smith. The talk went on. Dr. Adams left. Mr. Jones stayed. It rained. "
    "We waited for Mrs. Brown. "
)

TAGGED = (
    "a/DT cat/NN sits/VBZ on/IN the/DT table/NN ./.",
    "the/DT dog/NN sees/VBZ a/DT big/JJ cat/NN ,/, a/DT red/JJ car/NN and/CC two/CD birds/NNS ./.",
    "people/NNS walk/VBP quickly/RB along/IN the/DT old/JJ stone/NN wall/NN ./.",
    "it/PRP is/VBZ blue/JJ ./.",
)


def make_models(folder: Path) -> Path:
    """Fill a folder with `punkt_tab/english` and a tagger of words, where NLTK is installed."""
    if importlib.util.find_spec("nltk"):
        _train_punkt(folder / "punkt_tab" / "english")
        _train_tagger(folder / "averaged_perceptron_tagger_eng")
    return folder


def _train_tagger(folder: Path) -> None:
    from nltk.tag.perceptron import PerceptronTagger

    tagger = PerceptronTagger(load=False)
    tagger.train([[tuple(word.rsplit("/", 1)) for word in line.split()] for line in TAGGED * 30])
    folder.mkdir(parents=True)
    parts = {"weights": tagger.model.weights, "tagdict": tagger.tagdict, "classes": sorted(tagger.classes)}
    for part, content in parts.items():
        (folder / f"{folder.name}.{part}.json").write_text(json.dumps(content), "utf-8")


def _train_punkt(folder: Path) -> None:
    from nltk.tabdata import TabEncoder
    from nltk.tokenize.punkt import PunktTrainer

    trainer = PunktTrainer()
    trainer.INCLUDE_ALL_COLLOCS = True
    trainer.train(SENTENCES * 20, finalize=True)
    parameters, encoder = trainer.get_params(), TabEncoder()
    folder.mkdir(parents=True)
    (folder / "collocations.tab").write_text(encoder.tups2tab(parameters.collocations), "utf-8")
    (folder / "sent_starters.txt").write_text(encoder.set2txt(parameters.sent_starters), "utf-8")
    (folder / "abbrev_types.txt").write_text(encoder.set2txt(parameters.abbrev_types), "utf-8")
    (folder / "ortho_context.tab").write_text(encoder.ivdict2tab(parameters.ortho_context), "utf-8")
