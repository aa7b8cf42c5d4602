"""Word lists by language: those in the package, and folders of JSON files in Data-Juicer's format."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from dj_assets.errors import UserError

Kind = Literal["flagged_words", "stopwords"]
WordLists = Mapping[str, frozenset[str]]
ALL_LANGUAGES = "all"

KINDS: tuple[Kind, ...] = ("flagged_words", "stopwords")
# The name of the list of each kind in the package.
SHIPPED: Mapping[Kind, str] = {"flagged_words": "ldnoobw", "stopwords": "stopwordsiso"}


def exists(kind: Kind, source: str) -> bool:
    """Return whether `source` is the list in the package, or a folder with files of this kind."""
    return source == SHIPPED[kind] or bool(_files(kind, source))


def words(kind: Kind, source: str, lang: str) -> frozenset[str]:
    """Return the words of a language.

    Parameters
    ----------
    source
        The name of a list in the package (`ldnoobw` for flagged words, `stopwordsiso` for stop words) or a folder whose
        files `*flagged_words*.json` or `*stopwords*.json` hold one object `language -> list of words` each; several
        files are merged.
    lang
        A language of the list, or `all` for the words of all languages (unless the list itself has an entry `all`).

    Raises
    ------
    UserError
        If there is no such list, or it does not have the language.
    """
    lists = word_lists(kind, source)
    if lang in lists:
        return lists[lang]
    if lang == ALL_LANGUAGES:
        return frozenset().union(*lists.values())
    known = ", ".join(sorted(lists))
    raise UserError(f"{kind.replace('_', ' ')} list {source!r} has no language {lang!r}; it has {known} and 'all'")


def checksum(kind: Kind, source: str, lang: str) -> str:
    """Return the SHA-256 of the words of a language, independent of their order."""
    text = "\n".join(sorted(words(kind, source, lang)))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def word_lists(kind: Kind, source: str) -> WordLists:
    """Return all languages of a list.

    Raises
    ------
    UserError
        If `source` is neither a list in the package nor a folder with files of this kind, or a file cannot be read.
    """
    if source == SHIPPED[kind]:
        return _ldnoobw() if kind == "flagged_words" else _stopwordsiso()
    files = _files(kind, source)
    if not files:
        raise UserError(
            f"{source!r} is neither a folder with *{kind}*.json files nor a list that ships ({SHIPPED[kind]!r})"
        )
    return _read(files)


def _files(kind: Kind, source: str) -> list[Path]:
    folder = Path(source).expanduser()
    return sorted(folder.glob(f"*{kind}*.json")) if folder.is_dir() else []


def _ldnoobw() -> WordLists:
    return _read([Path(__file__).parent / "wordlists" / "flagged_words_ldnoobw.json"])


def _stopwordsiso() -> WordLists:
    import stopwordsiso

    return {lang: frozenset(stopwordsiso.stopwords(lang)) for lang in stopwordsiso.langs()}


def _read(files: list[Path]) -> WordLists:
    words: dict[str, set[str]] = defaultdict(set)
    for file in files:
        try:
            for lang, entries in json.loads(file.read_text("utf-8")).items():
                words[lang].update(map(str, entries))
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise UserError(f"{file} is not a JSON object of language -> list of words: {error}") from error
    return {lang: frozenset(entries) for lang, entries in words.items()}
