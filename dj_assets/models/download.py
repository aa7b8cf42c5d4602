"""Download a file from one of its addresses, completely or not at all.

Files of the Hugging Face hub are downloaded by `huggingface_hub`: a download that broke off goes on where it ended,
`HF_TOKEN` opens models with terms of use, `HF_ENDPOINT` names a mirror.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dj_assets.errors import DjError
from dj_assets.variables import without_secrets

_CHUNK_BYTES = 1024 * 1024
_TIMEOUT_S = 60
_PERMANENT = range(400, 500)
_HUB = re.compile(r"https://huggingface\.co/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
# Next to the target, for what the hub has sent of a file that is not complete yet.
_HUB_FOLDER = ".hub"


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
                address = _HUB.fullmatch(url)
                return _from_hub(address, part) if address else _stream(url, part)
            except urllib.error.HTTPError as error:
                problem = f"{url} answered {error.code} {error.reason}"
                if error.code in _PERMANENT:
                    raise GoneError(f"{name}: {problem}") from error
            except (OSError, http.client.HTTPException) as error:
                problem = f"{url}: {getattr(error, 'reason', error)}"
    by_hand = f"without network, put {name} into a folder that DJ_MODELS names"
    raise PullError(f"{name}: cannot be downloaded ({without_secrets(problem)}); {by_hand}")


def _from_hub(address: re.Match[str], part: Path) -> str:
    """Download a file of a revision of a repository on the hub; return the SHA-256 of the download.

    Raises
    ------
    GoneError
        If the repository or its revision has no such file, or the token does not open it.
    OSError
        If the server cannot be read; what it has sent is kept for the next attempt.
    """
    # read when the package is imported: no statistics of use are sent
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    repository, file = address["repo"], address["file"]
    folder = part.parent / _HUB_FOLDER / repository
    try:
        path = Path(hf_hub_download(repository, file, revision=address["revision"], local_dir=folder))
    except LocalEntryNotFoundError as error:
        raise ConnectionError(f"the hub cannot be reached ({error.__cause__ or error})") from error
    except (EntryNotFoundError, HfHubHTTPError) as error:
        response = getattr(error, "response", None)
        if response is None or response.status_code not in _PERMANENT:
            raise ConnectionError(str(error).splitlines()[0]) from error
        terms = "; for a model with terms of use, accept them and set HF_TOKEN" if response.status_code != 404 else ""
        raise GoneError(f"{address[0]} answered {response.status_code}{terms}") from error
    path.replace(part)
    shutil.rmtree(folder)
    with suppress(OSError):
        # the folders above are removed when they are empty
        folder.parent.rmdir()
        folder.parent.parent.rmdir()
    with part.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


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
