"""Faults that the user can put right: one clear line in the run log instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster_shared.error import SerializableErrorInfo

from dj_assets.errors import DiskError, UserError, WorkerDiedError


class OneLineError(DagsterUserCodeProcessError, dg.Failure):
    """A failure whose sentence is all that there is to tell.

    Dagster adds its stack to every failure but one that it was told of by another process, which it shows as told.
    """

    def __init__(self, sentence: str, *, allow_retries: bool = False) -> None:
        error_info = SerializableErrorInfo(message=f"{sentence}\n", stack=[], cls_name=None)
        super().__init__(  # type: ignore[no-untyped-call]
            description=sentence, allow_retries=allow_retries, user_code_process_error_infos=[error_info]
        )


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Let an error that names its cure fail the step with just that sentence; anything else keeps its traceback."""
    try:
        yield
    except (UserError, DiskError, WorkerDiedError) as error:
        raise OneLineError(str(error), allow_retries=isinstance(error, WorkerDiedError)) from None
