"""Load models: once per process, with one function per kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dj_assets.models.extras import require

if TYPE_CHECKING:
    from kenlm import Model as KenlmModel
    from nltk.tag.perceptron import PerceptronTagger
    from nltk.tokenize.punkt import PunktSentenceTokenizer
    from opencc import OpenCC
    from sentencepiece import SentencePieceProcessor
    from spacy.language import Language
    from tokenizers import Tokenizer

    from dj_assets.models.text.sequence_classifier import SequenceClassifier
    from dj_assets.models.text.translator import Translator
    from dj_assets.models.vision.aesthetics import AestheticsPredictor
    from dj_assets.models.vision.captioner import Captioner
    from dj_assets.models.vision.classifier import ImageClassifier
    from dj_assets.models.vision.clip import ClipModel
    from dj_assets.models.vision.clip_tokens import Tokens
    from dj_assets.models.vision.grounding import PhraseDetector
    from dj_assets.models.vision.matching import ImageTextMatcher


class TextClassifier(Protocol):
    """The part of a fastText model that operators call."""

    def predict(self, text: str, k: int = 1) -> tuple[Sequence[str], Sequence[float]]:
        """Return the `k` most likely labels of a text, all for -1, and their probabilities."""


@cache
def sentencepiece(path: Path) -> SentencePieceProcessor:
    """Load a SentencePiece processor."""
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_file=str(path))


@cache
def kenlm(path: Path) -> KenlmModel:
    """Load a KenLM model: binary, ARPA or gzipped ARPA.

    Raises
    ------
    UserError
        If the package is not installed.
    """
    require("kenlm", "kenlm")
    import kenlm

    quiet = kenlm.Config()
    quiet.show_progress = False
    quiet.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(str(path), quiet)


@cache
def fasttext(path: Path) -> TextClassifier:
    """Load a fastText model, plain or compressed."""
    import fasttext

    model: TextClassifier = fasttext.load_model(str(path))
    return model


@cache
def tokenizer(path: Path) -> Tokenizer:
    """Load a Hugging Face tokenizer from its folder or its `tokenizer.json`, with the package `tokenizers` only."""
    import tokenizers

    return tokenizers.Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))


@cache
def opencc(mode: str) -> OpenCC:
    """Load a converter of Chinese scripts; its dictionaries are part of the package."""
    import opencc

    return opencc.OpenCC(mode)


@cache
def spacy(path: Path) -> Language:
    """Load a spaCy pipeline from its folder, or from the folder of its package."""
    import spacy

    config = next((file for file in sorted(path.rglob("config.cfg")) if file.is_file()), path / "config.cfg")
    return spacy.load(config.parent, exclude=["ner", "lemmatizer"])


def _without_time_limits() -> None:
    """Let NLTK take the time that it needs: its limit of 5 s would make results depend on the speed of the machine.

    The patterns are those of NLTK, and take linear time.
    """
    from nltk import redos

    redos.DEFAULT_TIMEOUT = None


@cache
def punkt(path: Path) -> PunktSentenceTokenizer:
    """Load a Punkt sentence splitter from the folder of one language of NLTK's `punkt_tab`: tables, no pickles."""
    from nltk.tabdata import PunktDecoder
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    decoder, parameters = PunktDecoder(), PunktParameters()
    with (path / "collocations.tab").open(encoding="utf-8") as table:
        parameters.collocations = set(decoder.tab2tups(table))
    with (path / "sent_starters.txt").open(encoding="utf-8") as table:
        parameters.sent_starters = decoder.txt2set(table)
    with (path / "abbrev_types.txt").open(encoding="utf-8") as table:
        parameters.abbrev_types = decoder.txt2set(table)
    with (path / "ortho_context.tab").open(encoding="utf-8") as table:
        parameters.ortho_context = decoder.tab2intdict(table)
    _without_time_limits()
    return PunktSentenceTokenizer(parameters)


@cache
def clip(path: Path) -> ClipModel:
    """Load a CLIP model onto the device of this process."""
    from dj_assets.models.vision.clip import ClipModel
    from dj_assets.models.vision.device import device

    return ClipModel(path, device())


@cache
def clip_tokens(path: Path) -> Tokens:
    """Load the tokenizer of a CLIP model: of open_clip, or of Hugging Face with the context of the released models."""
    from dj_assets.models.vision.checkpoint import OPEN_CLIP_CONFIG
    from dj_assets.models.vision.clip_tokens import CONTEXT, ClipTokens
    from dj_assets.models.vision.open_clip_folder import OpenClipTokens

    return OpenClipTokens(path) if (path / OPEN_CLIP_CONFIG).is_file() else ClipTokens(path, CONTEXT)


@cache
def image_classifier(path: Path) -> ImageClassifier:
    """Load an image classifier onto the device of this process."""
    from dj_assets.models.vision.classifier import ImageClassifier
    from dj_assets.models.vision.device import device

    return ImageClassifier(path, device())


@cache
def aesthetics_predictor(path: Path) -> AestheticsPredictor:
    """Load a predictor of aesthetic ratings onto the device of this process."""
    from dj_assets.models.vision.aesthetics import AestheticsPredictor
    from dj_assets.models.vision.device import device

    return AestheticsPredictor(path, device())


@cache
def image_text_matcher(path: Path) -> ImageTextMatcher:
    """Load BLIP with its matching head onto the device of this process."""
    from dj_assets.models.vision.device import device
    from dj_assets.models.vision.matching import ImageTextMatcher

    return ImageTextMatcher(path, device())


@cache
def captioner(path: Path) -> Captioner:
    """Load a model that describes pictures onto the device of this process."""
    from dj_assets.models.vision.captioner import Captioner
    from dj_assets.models.vision.device import device

    return Captioner(path, device())


@cache
def sequence_classifier(path: Path) -> SequenceClassifier:
    """Load a classifier of texts in the form of transformers."""
    from dj_assets.models.text.sequence_classifier import SequenceClassifier

    return SequenceClassifier(path)


@cache
def translator(path: Path) -> Translator:
    """Load a translator in the form of transformers."""
    from dj_assets.models.text.translator import Translator

    return Translator(path)


@cache
def phrase_detector(path: Path) -> PhraseDetector:
    """Load OWL-ViT onto the device of this process."""
    from dj_assets.models.vision.device import device
    from dj_assets.models.vision.grounding import PhraseDetector

    return PhraseDetector(path, device())


@cache
def perceptron_tagger(path: Path) -> PerceptronTagger:
    """Load NLTK's averaged perceptron tagger from its folder of JSON files."""
    from nltk.tag.perceptron import PerceptronTagger

    _without_time_limits()
    tagger = PerceptronTagger(load=False)
    weights, tags, classes = (
        json.loads((path / f"{path.name}.{part}.json").read_text("utf-8")) for part in ("weights", "tagdict", "classes")
    )
    tagger.model.weights, tagger.tagdict = weights, tags
    tagger.classes = tagger.model.classes = set(classes)
    return tagger
