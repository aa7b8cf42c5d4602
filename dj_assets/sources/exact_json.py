"""JSON without loss: orjson if it is exact, the standard library if orjson refuses or would lose digits."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any, cast

import orjson

# Characters of a number that an error shows.
_SHOWN = 40
# Numbers that orjson reads as a rounded float, and words that it does not read at all.
_INEXACT = re.compile(r"\d{19}|NaN|Infinity")


class _TooLargeError(ValueError):
    pass


def loads_exact(raw: bytes) -> Any:  # noqa: ANN401
    """Return the value of `raw` with integers of any size, NaN and infinities.

    Raises
    ------
    UnicodeDecodeError
        If `raw` is not UTF-8.
    UnicodeEncodeError
        If a string contains half a surrogate pair.
    ValueError
        If `raw` is not JSON, is nested too deeply, or contains a number that is too large for a float (`1e999`).
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_float=_finite)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (json.JSONDecodeError, UnicodeError, _TooLargeError):
        raise
    except ValueError:
        # Python refuses to convert them, since that takes quadratic time
        raise ValueError(f"an integer of more than {sys.get_int_max_str_digits():,} digits") from None
    return value


def loads(text: str) -> Any:  # noqa: ANN401
    """Return the value of a JSON text that `dumps` wrote."""
    if _INEXACT.search(text):
        return json.loads(text)
    return orjson.loads(text)


def dumps(value: object, *, exact: bool) -> str:
    """Return `value` as compact JSON.

    `exact` writes NaN, infinities and integers beyond 64 bits unchanged; without it, `value` must come from orjson.
    """
    if not exact:
        try:
            return orjson.dumps(value).decode("utf-8")
        except orjson.JSONEncodeError:
            # orjson reads deeper than it writes
            pass
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def rewrite(text: str, change: Callable[..., object], *, exact: bool = False) -> str:
    """Return the JSON object `text` after `change(object) -> object`; numbers keep all digits.

    `exact` is needed if the change adds NaN, infinities or integers beyond 64 bits.
    """
    exact = exact or _INEXACT.search(text) is not None
    value = json.loads(text) if exact else orjson.loads(text)
    return dumps(change(value), exact=exact)


def kind_of(value: object) -> str:
    """Return the JSON name of the type of `value`, with its article."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


def text_location(record: dict[str, object], key: str) -> tuple[dict[str, object], str] | None:
    """Return the object that holds `key`, and the key's name in it; None if there is none.

    A key of the record itself comes first; else the dots of the key lead into nested objects.
    """
    if key in record:
        return record, key
    *path, last = key.split(".")
    holder: object = record
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return (cast("dict[str, object]", holder), last) if isinstance(holder, dict) and last in holder else None


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        shown = token if len(token) <= _SHOWN else f"{token[:_SHOWN]}…"
        raise _TooLargeError(f"the number {shown} is too large for a float")
    return value
