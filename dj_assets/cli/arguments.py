"""Several files after one option, as the shell expands `--input data/*.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_SEVERAL = ("--input", "--against")


def spread(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command line with `--input` before each of several files that follow it.

    This is done only where the recipe is before the options; otherwise it could be one of the files. Arguments after
    `--` are unchanged.
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
