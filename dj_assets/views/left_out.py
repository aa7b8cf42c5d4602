"""Pictures and pages that cannot be made are left out with a remark: nothing that shows a run may end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dj_assets.errors import DjError

T = TypeVar("T")


def or_remark(make: Callable[[], T], instead: Callable[[str], T], what: str) -> T:
    """Return what `make` returns; if that fails, what `instead` makes of a remark about `what`.

    Errors that people can cure, such as a full disk, are raised.
    """
    try:
        return make()
    except (DjError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - any value of the data, any library that draws
        return instead(f"This {what} could not be made ({type(error).__name__}: {error}). The results are complete.")
