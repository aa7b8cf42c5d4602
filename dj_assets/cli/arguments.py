"""What the shell makes of `--input data/*.jsonl`: several files behind one option."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_SEVERAL = ("--input", "--against")


def spread(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command line with `--input` before each of several files that stand behind it.

    Only where the recipe stands before the options: else it could be one of them. What follows `--` stays as it is.
    """
    recipe_first = len(arguments) > 1 and not any(argument.startswith("-") for argument in arguments[:2])
    return list(_spread(arguments)) if recipe_first else list(arguments)


def _spread(arguments: Sequence[str]) -> Iterator[str]:
    option, values = "", 0
    for index, argument in enumerate(arguments):
        if argument == "--":
            yield from arguments[index:]
            return
        if argument.startswith("-"):
            option, values = (argument, 0) if argument in _SEVERAL else ("", 0)
        elif option:
            if values:
                yield option
            values += 1
        yield argument
