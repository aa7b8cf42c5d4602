"""The calls of language models as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

# Characters of a prompt and of an answer that are shown.
_LONGEST = 200


def render_generations(calls: Sequence[tuple[str, dict[str, Any]]]) -> Group:
    """Return a table of calls in the order in which they were made, and a line with their sums."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("operator", "model", "prompt", "answer or error", "tokens", "s"):
        table.add_column(name, justify="right" if name in {"tokens", "s"} else "left", overflow="fold")
    for _, record in sorted(calls, key=lambda call: float(call[1].get("asked", 0))):
        request, answer = record.get("request", {}), record.get("answer")
        said = answer["text"] if answer else f"error: {record.get('error', 'no answer')}"
        tokens = f"{answer['tokens_in'] or '?'} + {answer['tokens_out'] or '?'}" if answer else ""
        seconds = f"{answer['seconds']:.2f}" if answer else ""
        prompt = request["messages"][-1][1]
        cells = (request["prompt"].partition("/")[0], request["model"], _short(prompt), _short(said), tokens, seconds)
        table.add_row(*map(Text, cells))
    return Group(table, Text(_sums([record for _, record in calls])))


def _sums(records: Sequence[dict[str, Any]]) -> str:
    answers = [record["answer"] for record in records if record.get("answer")]
    tokens_in, tokens_out = (sum(answer[f"tokens_{way}"] or 0 for answer in answers) for way in ("in", "out"))
    seconds = sum(answer["seconds"] for answer in answers)
    return (
        f"\n{len(records):,} calls, {len(records) - len(answers):,} failed; "
        f"tokens: {tokens_in:,} in, {tokens_out:,} out; {seconds:.1f} s of answering"
    )


def _short(text: str) -> str:
    """Return a text on one line, cut at its longest length, without control characters."""
    line = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
