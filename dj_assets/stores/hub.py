"""URLs of data sets of the hub, `hf://datasets/OWNER/NAME@REVISION/PATH`, and the errors of its library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from dj_assets import variables
from dj_assets.errors import UserError
from dj_assets.stores.retry import retried
from dj_assets.urls import checked_url, first_given

SCHEME = "hf"
_DATASET = re.compile(
    r"hf://datasets/(?P<name>[^/@]+/[^/@]+)(?:@(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]+))?(?P<path>/.*)?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
REQUEST_S = 60


def is_hub(url: object) -> bool:
    """Return whether a location is on the hub."""
    return str(url).startswith(f"{SCHEME}://")


def pinned(url: str) -> str:
    """Return the URL of a data set, or of a file in it, with the commit that its revision is now; `main` by default.

    Raises
    ------
    UserError
        If it names no data set, or the hub has no such one.
    StoreError
        If the hub does not answer.
    """
    match = _DATASET.fullmatch(checked_url(url))
    if match is None:
        raise UserError(
            f"{url}: names no data set of the hub; write hf://datasets/OWNER/NAME, with @REVISION and a path"
        )
    revision = match["revision"] or "main"
    if not _COMMIT.fullmatch(revision):
        revision = _commit_of(match["name"], revision.replace("%2F", "/"))
    return f"hf://datasets/{match['name']}@{revision}{match['path'] or ''}"


def _commit_of(name: str, revision: str) -> str:
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    def ask() -> str:
        with as_os_errors():
            try:
                return str(_api().repo_info(name, repo_type="dataset", revision=revision, timeout=REQUEST_S).sha)
            except GatedRepoError:
                raise UserError(f"{name}: has terms of use; accept them on the hub, and set HF_TOKEN") from None
            except RepositoryNotFoundError:
                raise UserError(f"{name}: the hub has no such data set; check the name, and HF_TOKEN") from None
            except RevisionNotFoundError:
                raise UserError(f"{name}: the data set has no revision {revision!r}") from None
            except HFValidationError as error:
                raise UserError(f"{name}: is no name of a data set ({str(error).splitlines()[0]})") from None

    return retried(f"look at hf://datasets/{name}", ask)


def _api() -> Any:  # noqa: ANN401 - a class of a library that is loaded late
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub_endpoint(), token=variables.HF_TOKEN.given())


def hub_endpoint() -> str | None:
    """Return the address of the hub that the environment names, None for the usual one."""
    given = first_given(variables.HF_ENDPOINT)
    return given.rstrip("/") if given else None


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise errors of the library for HTTP as `OSError`, which the stores repeat."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        require_success(error.response.status_code)
        raise OSError(str(error).splitlines()[0]) from None
    except (OSError, UserError):
        raise
    except Exception as error:
        # errors of the connection have a module of their own, whose name changes between releases of the library
        if type(error).__module__.partition(".")[0].startswith("httpx"):
            raise OSError(f"{type(error).__name__}: {error}") from None
        raise


def require_success(status: int) -> None:
    """Raise the error of the operating system that stands for a status of HTTP; none for success."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise PermissionError(f"status {status}; check HF_TOKEN")
    if status == HTTPStatus.NOT_FOUND:
        raise FileNotFoundError(f"status {status}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise OSError(f"status {status}")
