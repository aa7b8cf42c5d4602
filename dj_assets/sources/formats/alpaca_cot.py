"""Raw Alpaca-CoT: instruction, input and output become one text; the origin of a record is written to its meta."""

from __future__ import annotations

import re
from typing import Any

from dj_assets.sources.blocks import RefusedError
from dj_assets.sources.json_records import ElsewhereError, NoTextError
from dj_assets.sources.sources import Reading

PARTS = ("instruction", "input", "output")
# A text is Chinese if at least this share of its letters are Chinese characters. Of 13 276 English and 17 536 Chinese
# records of the public set, 2 and 33 get the other language: translation tasks, code, formulas.
CHINESE_SHARE = 0.1

_LETTER = re.compile(r"[^\W\d_]")
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def compose(record: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """Return the record with its merged text, with the parts unchanged, and with folder and path as meta.

    The parts are joined by single spaces, and missing parts are empty, as in Data-Juicer's tool. A record that already
    has a text was merged before, and is returned unchanged in every language.

    Raises
    ------
    NoTextError
        If it has none of the three parts.
    RefusedError
        If a part is neither a string nor null.
    ElsewhereError
        If `reading` selects another language than that of the record.
    """
    if isinstance(record.get("text"), str):
        return record
    if not any(part in record for part in PARTS):
        raise NoTextError(f"none of the keys {', '.join(PARTS)}", None, tuple(record))
    parts = [record.get(part) for part in PARTS]
    for name, part in zip(PARTS, parts, strict=True):
        if part is not None and not isinstance(part, str):
            raise RefusedError(f"'{name}' is no string,", has_key=True)
    text = " ".join(part or "" for part in parts)
    language = language_of(text)
    if reading.language not in (None, language):
        raise ElsewhereError
    folder, _, _ = reading.place.rpartition("/")
    meta_of_record = record.get("meta")
    meta = {"Dataset": folder, "Lang": _TAGS[language], "origin_path": reading.place}
    return {**record, "text": text, "meta": {**meta, **meta_of_record} if isinstance(meta_of_record, dict) else meta}


def language_of(text: str) -> str:
    """Return `zh` if the share of Chinese characters among the letters is at least `CHINESE_SHARE`, else `en`."""
    letters = len(_LETTER.findall(text))
    return "zh" if letters and len(_CHINESE.findall(text)) >= CHINESE_SHARE * letters else "en"


# The tags of Alpaca-CoT.
_TAGS = {"en": "EN", "zh": "CN"}
