"""Start the workers of a run before its command line is read, so that libraries load in two processes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise


def early_workers(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """Start the workers that the arguments of a command line will probably need; end them on exit.

    The arguments are checked later. Here they only decide whether and how many processes are started, and a wrong
    guess changes no result: a run that needs more starts others.
    """
    most = probable_workers(arguments)
    if not most:
        return nullcontext()
    from dj_assets.measure import workers

    return workers.early_workers(most)


def probable_workers(arguments: Sequence[str]) -> int:
    """Return how many workers a command line probably needs, 0 if its run has one process or is none.

    Examples
    --------
    >>> probable_workers(["run", "c4", "--input", "a.jsonl", "--workers", "3"])
    3
    >>> probable_workers(["run", "c4", "--workers=1"]), probable_workers(["plan", "c4"])
    (0, 0)
    """
    if arguments[:1] != ["run"] or "--help" in arguments or "ray" in arguments or "--engine=ray" in arguments:
        return 0
    from dj_assets import settings

    given = [after for name, after in pairwise(arguments) if name == "--workers"]
    given += [argument.partition("=")[2] for argument in arguments if argument.startswith("--workers=")]
    most = int(given[-1]) if given and given[-1].isdecimal() else settings.default_workers()
    return most if most > 1 else 0
