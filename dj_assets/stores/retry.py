"""Retries: a request that a store fails to answer is repeated, each time after a longer pause."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

from dj_assets.errors import StoreError, UserError
from dj_assets.variables import without_secrets

T = TypeVar("T")

# The library below also tries three times; together this covers about a minute of throttling.
ATTEMPTS = 6
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 20.0

_REFUSED = re.compile(
    r"ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE_DOES_NOT_MATCH|EXPIRED_TOKEN"
    r"|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION|INVALID_BUCKET|InvalidBucketName|NoSuchBucket|ContainerNotFound"
    r"|AuthenticationFailed|AuthorizationFailure|PERMISSION_DENIED|UNAUTHENTICATED",
)


def retried(what: str, work: Callable[[], T], attempts: int = ATTEMPTS) -> T:
    """Return the result of `work`, which is repeated while the store fails.

    Parameters
    ----------
    what
        Action and object, for the message.
    work
        May be called several times. `FileNotFoundError` is raised at once.

    Raises
    ------
    UserError
        If the store refuses: no such bucket, no permission, wrong credentials.
    StoreError
        If every attempt fails.
    """
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except FileNotFoundError:
            raise
        except (OSError, EOFError) as error:
            said = without_secrets(str(error).splitlines()[0] if str(error) else type(error).__name__)
            if isinstance(error, PermissionError) or _REFUSED.search(str(error)):
                fix = "check the name, and the credentials in the environment"
                raise UserError(f"{what}: the object store refuses ({said}); {fix}") from None
            if attempt == attempts:
                raise StoreError(
                    f"{what}: the object store failed {attempts} times ({said}); what was published stays, "
                    "run again to go on"
                ) from None
            # full jitter: workers that were throttled together must not retry at the same time
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)))  # noqa: S311
    raise AssertionError("unreachable")
