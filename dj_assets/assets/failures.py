"""Faults that the user can fix: one clear line in the run log instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dj_assets.assets.couplings import OneLineError
from dj_assets.errors import DiskError, UserError, WorkerDiedError

__all__ = ["OneLineError", "one_clear_line"]


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Fail the step with only the message of a `UserError`; other errors keep their traceback."""
    try:
        yield
    except (UserError, DiskError, WorkerDiedError) as error:
        raise OneLineError(str(error), allow_retries=isinstance(error, WorkerDiedError)) from None
