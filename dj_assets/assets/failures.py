"""Faults that the user can put right: one clear line in the run log instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dj_assets.assets.couplings import OneLineError
from dj_assets.errors import DiskError, UserError, WorkerDiedError

__all__ = ["OneLineError", "one_clear_line"]


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Let an error that names its cure fail the step with just that sentence; anything else keeps its traceback."""
    try:
        yield
    except (UserError, DiskError, WorkerDiedError) as error:
        raise OneLineError(str(error), allow_retries=isinstance(error, WorkerDiedError)) from None
