"""Download a file from one of its addresses, completely or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dj_assets.errors import DjError

_CHUNK_BYTES = 1024 * 1024
_TIMEOUT_S = 60
_PERMANENT = range(400, 500)


class PullError(DjError):
    """A model could not be downloaded, or the download differs from the published file. Nothing was kept."""


class GoneError(PullError):
    """An address answered that it has no such file: a retry cannot help, but another address may have the file."""


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Yield the path next to `target` at which it is written until it is complete; remove that file at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def download(name: str, urls: Sequence[str], part: Path, pauses_s: Sequence[float]) -> str:
    """Try every address, then again after each pause; return the SHA-256 of the download.

    Raises
    ------
    GoneError
        If an address has no such file.
    PullError
        If no address can be read.
    """
    problem = ""
    for pause_s in (0.0, *pauses_s):
        time.sleep(pause_s)
        for url in urls:
            try:
                return _stream(url, part)
            except urllib.error.HTTPError as error:
                problem = f"{url} answered {error.code} {error.reason}"
                if error.code in _PERMANENT:
                    raise GoneError(f"{name}: {problem}") from error
            except (OSError, http.client.HTTPException) as error:
                problem = f"{url}: {getattr(error, 'reason', error)}"
    by_hand = f"without network, put {name} into a folder that DJ_MODELS names"
    raise PullError(f"{name}: cannot be downloaded ({problem}); {by_hand}")


def _stream(url: str, part: Path) -> str:
    checksum = hashlib.sha256()
    received_bytes = 0
    # The addresses are those of the manifest, never of the data.
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, part.open("wb") as file:  # noqa: S310
        while chunk := response.read(_CHUNK_BYTES):
            checksum.update(chunk)
            received_bytes += file.write(chunk)
        announced = response.headers.get("Content-Length")
    if announced is not None and received_bytes != int(announced):
        raise ConnectionError(f"the connection broke after {received_bytes} of {announced} bytes")
    return checksum.hexdigest()
