"""Regular English inflection, and the exceptions among the words of our grammars."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_PARTICIPLES: Mapping[str, str] = {
    "began": "begun", "broke": "broken", "came": "come", "chose": "chosen", "drove": "driven", "fell": "fallen",
    "forgave": "forgiven", "forgot": "forgotten", "gave": "given", "grew": "grown", "hid": "hidden", "knew": "known",
    "overcame": "overcome", "ran": "run", "rewrote": "rewritten", "rose": "risen", "sang": "sung", "saw": "seen",
    "shrank": "shrunk", "spoke": "spoken", "stole": "stolen", "threw": "thrown", "took": "taken", "woke": "woken",
    "wore": "worn", "wrote": "written",
}  # fmt: skip
_DOUBLING = re.compile(
    r"(?:[^aeiou]*|.*qu)[aeiou][bdgkmnprt]|begin|commit|admit|acquit|transfer|prefer|forget|regret|infer|quit"
)
_SOUNDS_LIKE_YOU = re.compile(r"(?:uni(?!n|m)|use|usu|eu|one\b|once|ubiq|util|uto)", re.IGNORECASE)
_SILENT_H = ("honest", "hour", "heir", "honour")


def plural(noun: str) -> str:
    """Return the plural; an irregular noun is written `child|children`."""
    singular, _, irregular = noun.partition("|")
    return irregular or _with_s(singular)


def article(noun: str) -> str:
    """Return the word with "a" or "an" before it, by its sound as far as the spelling shows it."""
    word = noun.partition("|")[0]
    vowel = word.lower().startswith(_SILENT_H) or (word[0].lower() in "aeiou" and not _SOUNDS_LIKE_YOU.match(word))
    return f"{'an' if vowel else 'a'} {word}"


def third_person(verb: str) -> str:
    """Return the form of "she ...s"; of a verb of several words, the first is inflected."""
    return _on_first_word(verb, lambda base, _: _with_s(base))


def past(verb: str) -> str:
    """Return the simple past; an irregular verb is written `give/gave`."""
    return _on_first_word(verb, lambda base, irregular: irregular or _with_ed(base))


def participle(verb: str) -> str:
    """Return the past participle."""
    return _on_first_word(verb, lambda base, irregular: _PARTICIPLES.get(irregular, irregular) or _with_ed(base))


def gerund(verb: str) -> str:
    """Return the form in -ing."""
    return _on_first_word(verb, lambda base, _: _with_ing(base))


def base_form(word: str) -> str:
    """Return the word without its irregular forms."""
    return re.sub(r"[|/]\w+", "", word)


def capitalised(text: str) -> str:
    """Return the text with its first letter in upper case; quotation marks before it are kept."""
    return re.sub(r'^(["“(]*)([a-z])', lambda match: match[1] + match[2].upper(), text, count=1)


FORMS: Mapping[str, Callable[[str], str]] = {"a": article, "ed": past, "en": participle, "ing": gerund}


def _on_first_word(verb: str, inflect: Callable[[str, str], str]) -> str:
    # "beg/begged to" and "set up" both include their particle.
    first, space, rest = verb.partition(" ")
    base, _, irregular = first.partition("/")
    return inflect(base, irregular) + space + rest


def _with_s(word: str) -> str:
    if re.search(r"(?:s|x|z|ch|sh|[^aeiou]o)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def _with_ed(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ied"
    return word + (word[-1] if _DOUBLING.fullmatch(word) else "") + "ed"


def _with_ing(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith("ee"):
        return word[:-1] + "ing"
    return word + (word[-1] if _DOUBLING.fullmatch(word) else "") + "ing"
