"""The rounds of dialogs: a question and an answer each, from a history and a last round."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.operators.batch import Batch
from dj_assets.operators.views.sample_fields import field_values

Round = tuple[str, str]


def dialogs(batch: Batch, history_key: str, query_key: str, response_key: str) -> list[list[Round]]:
    """Return the rounds of every sample: those of the history, then the last one, if the history does not end with it.

    A last round with the question of the one before replaces it, and one without a question is left out.
    """
    columns = (field_values(batch, key) for key in (history_key, query_key, response_key))
    return [_rounds(*values) for values in zip(*columns, strict=True)]


def _rounds(history: object, query: object, response: object) -> list[Round]:
    listed = history if isinstance(history, list) else []
    rounds = [(_text(one[0]), _text(one[1])) for one in listed if isinstance(one, list | tuple) and len(one) > 1]
    if query:
        last = _text(query), _text(response or None)
        if rounds and rounds[-1][0] == last[0]:
            rounds[-1] = last
        else:
            rounds.append(last)
    return rounds


def clipped(text: str, longest: int, what: str = "text") -> str:
    r"""Return a text of at most `longest` characters, 0 for all; what is cut off is marked at the end.

    Examples
    --------
    >>> clipped("a" * 40, 26, "query")
    'aaaaaa\n…[query truncated]…'
    """
    if longest <= 0 or len(text) <= longest:
        return text
    mark = f"\n…[{what} truncated]…"
    return text[: longest - len(mark)] + mark if longest > len(mark) else mark.strip()


def clipped_rounds(rounds: Sequence[Round], longest_query: int, longest_response: int) -> list[Round]:
    """Return the rounds with long questions and answers cut off."""
    return [
        (clipped(query, longest_query, "query"), clipped(response, longest_response, "response"))
        for query, response in rounds
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value)
