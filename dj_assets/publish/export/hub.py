"""An export in a dataset of the Hugging Face hub: files are uploaded first, and appear together in one commit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from dj_assets.errors import StoreError, UserError
from dj_assets.home.json_files import read_json
from dj_assets.publish.export.export import MANIFEST, SUMS, Exported
from dj_assets.publish.export.hub_card import CARD
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.urls import without_credentials
from dj_assets.variables import without_secrets

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_DATASET = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?/?")
_PART = re.compile(r"part-\d{5,}\.parquet")
_DEFAULT_BRANCH = "main"
_RAISED = (OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class HubDataset:
    """Name a dataset of the hub, and the branch that a commit goes to."""

    repository: str
    branch: str = _DEFAULT_BRANCH

    @classmethod
    def of_url(cls, url: str, format: ExportFormat) -> HubDataset:
        """Return the dataset of `hf://datasets/OWNER/NAME`, with `@BRANCH` behind it for another branch than main.

        Raises
        ------
        UserError
            If the URL names no dataset, or the format has no card.
        """
        found = _DATASET.fullmatch(url)
        if found is None:
            raise UserError(f"{without_credentials(url)}: names no dataset of the hub; write hf://datasets/OWNER/NAME")
        if format != "huggingface":
            raise UserError(f"{url}: the hub takes the format huggingface, not {format}; pass --format huggingface")
        return cls(found["repo"], found["revision"] or _DEFAULT_BRANCH)


def upload_export(done: Exported, target: HubDataset, *, public: bool = False) -> None:
    """Upload an export in the format `huggingface` to a dataset of the hub, which is made where it is missing.

    The hub keeps files by their checksums: an upload that was cut off continues after its last finished file. All files
    appear in one commit, which also deletes the parts of an earlier export. The token is that of `HF_TOKEN` or of
    `hf auth login`; the server is that of `HF_ENDPOINT`.

    Raises
    ------
    UserError
        If there is no token, the hub refuses it, the dataset is public without `public`, or it has other tables.
    StoreError
        If the hub cannot be reached, or fails.
    """
    # read when the package is imported: no statistics of use are sent
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    if get_token() is None:
        raise UserError(
            f"{target.repository}: the hub needs a token; set HF_TOKEN to one that may write to this dataset"
        )
    api = HfApi()
    with _clear_lines(target, api.endpoint):
        _prepare(api, target, public=public)
        _commit(api, target, done)


def _prepare(api: HfApi, target: HubDataset, *, public: bool) -> None:
    """Make the dataset and the branch where they are missing."""
    api.create_repo(target.repository, repo_type="dataset", private=not public, exist_ok=True)
    if not public and not api.repo_info(target.repository, repo_type="dataset").private:
        raise UserError(
            f"{target.repository}: this dataset is public; pass --public to upload to it, or choose another name"
        )
    if target.branch != _DEFAULT_BRANCH:
        api.create_branch(target.repository, branch=target.branch, repo_type="dataset", exist_ok=True)


def _commit(api: HfApi, target: HubDataset, done: Exported) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    there = set(api.list_repo_files(target.repository, repo_type="dataset", revision=target.branch))
    names = [*(file.name for file in done.files), SUMS, MANIFEST]
    foreign = sorted(name for name in there if name == CARD or name.endswith(".parquet"))
    if foreign and not {SUMS, MANIFEST} <= there:
        raise UserError(
            f"{target.repository}: holds other files ({foreign[0]}); choose a new dataset or another branch "
            f"(hf://datasets/{target.repository}@BRANCH)"
        )
    stale = sorted(name for name in there - set(names) if _PART.fullmatch(name))
    manifest = read_json(done.folder / MANIFEST) or {}
    api.create_commit(
        target.repository,
        [
            *(CommitOperationAdd(name, done.folder / name) for name in names),
            *(CommitOperationDelete(name) for name in stale),
        ],
        commit_message=f"{manifest['name']}: run {manifest['run_id']}, {done.samples} samples",
        repo_type="dataset",
        revision=target.branch,
    )


@contextmanager
def _clear_lines(target: HubDataset, endpoint: str) -> Iterator[None]:
    """Turn errors of the library into one line each."""
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    try:
        yield
    except (*_RAISED, HTTPError) as error:
        raise _line(error, target, endpoint) from error


def _line(error: Exception, target: HubDataset, endpoint: str) -> UserError | StoreError:
    cause = _cause(error)
    response = getattr(cause, "response", None)
    about = without_secrets(without_credentials(str(cause).strip().partition("\n")[0])) or type(cause).__name__
    where = f"{target.repository} at {without_credentials(endpoint)}"
    if response is None:
        again = "check the network and HF_ENDPOINT, then run again: finished files are not uploaded again"
        return StoreError(f"{where}: cannot be uploaded ({about}); {again}")
    refused = {
        HTTPStatus.UNAUTHORIZED: "the hub does not accept the token; set HF_TOKEN to one that is valid",
        HTTPStatus.FORBIDDEN: "the token may not write there; set HF_TOKEN to one with write access, or check OWNER",
        HTTPStatus.NOT_FOUND: "the hub has no such dataset or branch for this token; check OWNER, NAME and HF_TOKEN",
    }
    if (line := refused.get(response.status_code)) is not None:
        return UserError(f"{where}: {line} (answer {response.status_code})")
    again = "run again: finished files are not uploaded again"
    return StoreError(f"{where}: the hub answered {response.status_code} ({about}); {again}")


def _cause(error: BaseException) -> BaseException:
    """Return the error that says most: the first with an answer of the hub, else the first one of all."""
    chain = [error]
    while (following := chain[-1].__cause__) is not None:
        chain.append(following)
    return next((one for one in chain if getattr(one, "response", None) is not None), chain[-1])
