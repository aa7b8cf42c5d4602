"""The file system of a URL, opened with the credentials of the environment."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dj_assets import variables
from dj_assets.errors import UserError
from dj_assets.stores.hub import SCHEME
from dj_assets.urls import azure_account, azure_endpoint, gcs_emulator, s3_endpoint
from dj_assets.variables import without_secrets

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_CONNECT_S = 10
_REQUEST_S = 60
_SDK_ATTEMPTS = 3
_RETRY_S = 60

# Variables of the environment that open another file system when they change.
_VARIABLES = (
    variables.AWS_ACCESS_KEY_ID,
    variables.AWS_SECRET_ACCESS_KEY,
    variables.AWS_SESSION_TOKEN,
    variables.AWS_REGION,
    variables.AWS_DEFAULT_REGION,
    variables.AWS_NO_SIGN_REQUEST,
    variables.AZURE_STORAGE_KEY,
    variables.AZURE_STORAGE_ACCOUNT_KEY,
    variables.AZURE_STORAGE_SAS_TOKEN,
    variables.HF_ENDPOINT,
    variables.HF_TOKEN,
)


def file_system(scheme: str, bucket: str) -> FileSystem:
    """Return the pyarrow file system for a scheme; paths in it begin with the bucket.

    `s3`, `gs` and `az` are pyarrow's own, `hf` is `stores.hub`, every other scheme is opened by fsspec.

    Raises
    ------
    UserError
        If the scheme is not known, or a variable of the environment is missing.
    """
    servers = (s3_endpoint(), gcs_emulator(), azure_endpoint(), azure_account())
    given = (*servers, *(variable.given() for variable in _VARIABLES))
    return _opened(scheme, bucket, given)


@lru_cache(maxsize=32)
def _opened(scheme: str, bucket: str, _given: tuple[str | None, ...]) -> FileSystem:
    open_it = {"s3": _s3, "gs": _gs, "az": _az, SCHEME: _hub}.get(scheme)
    return open_it(bucket) if open_it else _other(scheme)


def _hub(_repository: str) -> FileSystem:
    from dj_assets.stores.hub_files import hub_file_system

    return hub_file_system()


def _s3(bucket: str) -> FileSystem:
    from pyarrow import fs

    endpoint = s3_endpoint()
    region = variables.AWS_REGION.given() or variables.AWS_DEFAULT_REGION.given()
    if region is None:
        region = "us-east-1" if endpoint else _region_of(bucket)
    return fs.S3FileSystem(
        anonymous=(variables.AWS_NO_SIGN_REQUEST.given() or "").lower() in {"1", "true", "yes"},
        region=region,
        endpoint_override=endpoint,
        connect_timeout=_CONNECT_S,
        request_timeout=_REQUEST_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_SDK_ATTEMPTS),
        # read small objects by one request
        allow_delayed_open=True,
    )


def _region_of(bucket: str) -> str | None:
    from pyarrow import fs

    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:
        return None


def _gs(_bucket: str) -> FileSystem:
    import datetime

    from pyarrow import fs

    limit = datetime.timedelta(seconds=_RETRY_S)
    emulator = gcs_emulator()
    if emulator:
        scheme, _, host = emulator.rpartition("://")
        return fs.GcsFileSystem(anonymous=True, endpoint_override=host, scheme=scheme or "http", retry_time_limit=limit)
    return fs.GcsFileSystem(retry_time_limit=limit)


def _az(bucket: str) -> FileSystem:
    from pyarrow import fs

    account = azure_account()
    if account is None:
        raise UserError(f"az://{bucket}: set AZURE_STORAGE_ACCOUNT to the storage account of the container")
    key = variables.AZURE_STORAGE_KEY.given() or variables.AZURE_STORAGE_ACCOUNT_KEY.given()
    token = variables.AZURE_STORAGE_SAS_TOKEN.given()
    return fs.AzureFileSystem(account, account_key=key, sas_token=None if key else token, **_azure_services())


def _azure_services() -> dict[str, str]:
    """Return scheme and authority of a server other than Azure's; `dfs` only reports that folders are prefixes."""
    scheme, _, authority = (azure_endpoint() or "").rstrip("/").partition("://")
    options = {"scheme": scheme, "authority": authority} if authority else {}
    return {f"{service}_storage_{part}": value for service in ("blob", "dfs") for part, value in options.items()}


def _other(scheme: str) -> FileSystem:
    import fsspec
    from pyarrow import fs

    try:
        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme)))
    except (ImportError, ValueError) as error:
        said = without_secrets(str(error).splitlines()[0])
        raise UserError(f"{scheme}://: cannot be read ({said}); read are s3://, gs:// and az://") from None
