"""Find the noun phrases of a text with a tagger and a small grammar."""

from __future__ import annotations

import re
from pathlib import Path

from dj_assets.models import load

TAGGER = "averaged_perceptron_tagger_eng"
SENTENCES = "punkt_tab/english"
_DETERMINER, _ADJECTIVE, _NOUN = "D", "J", "N"
_PHRASE = re.compile(f"{_DETERMINER}?{_ADJECTIVE}*{_NOUN}+")
_PUNCTUATION = re.compile(r"[^\w\s]")


def noun_phrases(text: str, tagger: Path, sentences: Path) -> list[str]:
    """Return the distinct noun phrases of a text in order, in lower case and without punctuation.

    A noun phrase consists of an optional determiner, any adjectives and one or more nouns, by the tags of the Penn
    Treebank.

    Parameters
    ----------
    tagger, sentences
        The folders of NLTK's averaged perceptron tagger and of its Punkt model.
    """
    from nltk.tokenize import NLTKWordTokenizer

    words: list[str] = []
    tokenizer = NLTKWordTokenizer()
    for sentence in load.punkt(sentences).tokenize(text.lower()):
        words += tokenizer.tokenize(sentence)
    tagged = load.perceptron_tagger(tagger).tag(words)
    kinds = "".join(_kind(tag) for _, tag in tagged)
    phrases = (" ".join(words[match.start() : match.end()]) for match in _PHRASE.finditer(kinds))
    return list(dict.fromkeys(cleaned for phrase in phrases if (cleaned := _PUNCTUATION.sub("", phrase).strip())))


def _kind(tag: str) -> str:
    if tag == "DT":
        return _DETERMINER
    return _ADJECTIVE if tag.startswith("JJ") else _NOUN if tag.startswith("NN") else "-"
