"""Locations in object stores: which texts are URLs, and the folders of their working copies on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from dj_assets import variables
from dj_assets.errors import UserError
from dj_assets.included import is_sample
from dj_assets.variables import Variable

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
# The credentials of URLs in a text: a name with a password, and a query up to the sign that ends it.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)[^/\s?#]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://[^\s?#]*)\?\S*?(?=[:,;.)\]'\"]*(?:\s|$))")
# A path separator that is not the colon of a scheme, and not that of a sample, such as `sample:c4`.
_BETWEEN = re.compile(rf"(?:(?<!^sample)(?<!{re.escape(os.pathsep)}sample)|(?=:[/~.])){re.escape(os.pathsep)}(?!//)")
_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "adl": "az"}


def is_url(text: object) -> bool:
    """Return whether a location is a URL, such as `s3://bucket/prefix`, and not a path."""
    return _URL.match(str(text)) is not None


def without_credentials(text: str) -> str:
    """Return a text in which no URL has a name, a password or a query: queries of signed URLs are credentials.

    Examples
    --------
    >>> without_credentials("http://me:secret@host/a.png?sign=secret: cannot be fetched")
    'http://***@host/a.png?***: cannot be fetched'
    """
    return _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", text))


def split_locations(text: str) -> list[str]:
    """Return the paths, URLs and samples of a list separated by `:`, such as that of an environment variable."""
    return [location for location in _BETWEEN.split(text) if location]


def checked_url(url: str) -> str:
    """Return a URL in its usual form: the short name of the scheme, no slash at the end.

    Raises
    ------
    UserError
        If it contains credentials, which are read from the environment only, or has no bucket.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    if "@" in bucket or ":" in bucket:
        shown = f"{scheme}://***@{bucket.rpartition('@')[2]}/{key}" if "@" in bucket else f"{scheme}://{key or '…'}"
        raise UserError(
            f"{without_credentials(shown)}: a URL must not carry credentials; give scheme, bucket and path alone, and "
            "the credentials in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for instance)"
        )
    if not bucket:
        raise UserError(f"{without_credentials(url)}: names no bucket; write {scheme}://BUCKET/PATH")
    parts = [part for part in key.split("/") if part]
    if any(part in {".", ".."} for part in parts):
        raise UserError(f"{without_credentials(url)}: a path in an object store has no '.' and no '..'")
    return "/".join([f"{scheme}://{bucket}", *parts])


def checked_location(location: str) -> str:
    """Return a path unchanged, and a URL in its usual form.

    Raises
    ------
    UserError
        If a URL cannot be used; the message contains no credentials.
    """
    return checked_url(location) if is_url(location) else location


def s3_endpoint() -> str | None:
    """Return the S3 server that replaces Amazon's: `DJ_S3_ENDPOINT`, else `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.

    Raises
    ------
    UserError
        If the address contains credentials.
    """
    return first_given(variables.S3_ENDPOINT, variables.AWS_ENDPOINT_URL_S3, variables.AWS_ENDPOINT_URL)


def gcs_emulator() -> str | None:
    """Return the server that replaces Google's: `STORAGE_EMULATOR_HOST`, such as `http://127.0.0.1:9023`.

    Raises
    ------
    UserError
        If the address contains credentials.
    """
    return first_given(variables.STORAGE_EMULATOR_HOST)


def azure_endpoint() -> str | None:
    """Return the blob server that replaces Azure's: `DJ_AZURE_ENDPOINT`, such as `http://127.0.0.1:10000` for Azurite.

    Raises
    ------
    UserError
        If the address contains credentials.
    """
    return first_given(variables.AZURE_ENDPOINT)


def first_given(*candidates: Variable) -> str | None:
    """Return the value of the first variable that is set, None if none is.

    Raises
    ------
    UserError
        If the value is a URL with credentials; the message does not repeat them.
    """
    variable = next((candidate for candidate in candidates if candidate.given()), candidates[0])
    given = variable.given()
    if given and "@" in urlsplit(given).netloc:
        raise UserError(f"{variable.name}: must not carry credentials; they belong into the environment by themselves")
    return given


def azure_account() -> str | None:
    """Return the storage account of `az://` URLs: `AZURE_STORAGE_ACCOUNT` or `AZURE_STORAGE_ACCOUNT_NAME`."""
    return variables.AZURE_STORAGE_ACCOUNT.given() or variables.AZURE_STORAGE_ACCOUNT_NAME.given()


def cache_folder() -> Path:
    """Return the folder of all working copies: `DJ_CACHE`, default `dj_assets` in the user's cache folder."""
    given = variables.CACHE.given()
    if given:
        return Path(given).expanduser().resolve()
    return Path(variables.XDG_CACHE_HOME.given() or Path.home() / ".cache").expanduser().resolve() / "dj_assets"


def copy_folder(url: str) -> Path:
    """Return the folder of the working copy of a URL; copies from different servers have different folders."""
    scheme, _, rest = checked_url(url).partition("://")
    servers = {"s3": (s3_endpoint,), "gs": (gcs_emulator,), "az": (azure_endpoint, azure_account)}.get(scheme, ())
    server = " ".join(filter(None, (server_of() for server_of in servers)))
    named = f"{scheme}-{hashlib.sha256(server.encode()).hexdigest()[:8]}" if server else scheme
    return cache_folder().joinpath("objects", named, *rest.split("/"))


def location_of(location: str | Path, base: Path | None = None) -> Path:
    """Return the folder on this machine for a path, relative to `base` if it is not absolute, or for a URL."""
    return copy_folder(str(location)) if is_url(location) else (base or Path.cwd()) / Path(location).expanduser()


def from_here(location: str | Path) -> str | Path:
    """Return the absolute path of a location given in the current folder, `~` expanded; a URL or a sample unchanged."""
    return str(location) if is_url(location) or is_sample(location) else Path.cwd() / Path(location).expanduser()


def url_of(folder: Path) -> str | None:
    """Return the URL of which a folder is the working copy; None for all other folders."""
    root = cache_folder() / "objects"
    if not folder.is_relative_to(root):
        return None
    named, *rest = folder.relative_to(root).parts
    return f"{named.partition('-')[0]}://{'/'.join(rest)}" if rest else None
