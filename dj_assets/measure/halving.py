"""Find the samples that an operator fails for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dj_assets.errors import ContractError, TextModelError
from dj_assets.operators.batch import Batch

T = TypeVar("T")


def failing(work: Callable[[Batch], T], batch: Batch) -> dict[int, str]:
    """Return the errors of the samples that `work` fails for, keyed by index; they are found by halving the batch.

    Raises
    ------
    ContractError, TextModelError
        At once: other samples would fail, too.
    """
    errors: dict[int, str] = {}
    pending = [(0, len(batch))]
    while pending:
        start, stop = pending.pop()
        if start == stop:
            continue
        try:
            work(batch.slice(start, stop - start))
        except (ContractError, TextModelError):
            raise
        except Exception as error:  # noqa: BLE001 - the same boundary, now one sample at a time
            if stop - start == 1:
                errors[start] = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            else:
                middle = (start + stop) // 2
                pending += [(start, middle), (middle, stop)]
    return errors
