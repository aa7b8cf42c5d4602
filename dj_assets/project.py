"""Find the project: the folder that holds recipes, `sources.yaml`, results and Dagster's history of one user."""

from __future__ import annotations

from pathlib import Path

from dj_assets import variables
from dj_assets.errors import UserError
from dj_assets.included import checkout

MARK = "dj_assets.yaml"


class NoProjectError(UserError):
    """Report that the current folder is in no project."""

    def __init__(self) -> None:
        super().__init__(
            f"{Path.cwd()}: is in no project; 'dj-assets init' makes one here, or name a project with DJ_PROJECT"
        )


def find_project() -> Path | None:
    """Return the project folder, or None if there is none.

    It is `DJ_PROJECT`, else the nearest folder with a `dj_assets.yaml` from the current folder upwards, else the
    checkout that the package is imported from.
    """
    given = variables.PROJECT.given()
    if given:
        return Path(given).resolve()
    here = Path.cwd()
    marked = next((folder for folder in (here, *here.parents) if (folder / MARK).is_file()), None)
    return marked or checkout()


def project_root() -> Path:
    """Return the project folder.

    Raises
    ------
    NoProjectError
        If there is none.
    """
    root = find_project()
    if root is None:
        raise NoProjectError
    return root


def takes_gallery(root: Path | None) -> bool:
    """Return whether the included recipes are assets of a project: of a checkout, and where `dj_assets.yaml` says so.

    A folder that `DJ_PROJECT` names and that has no `dj_assets.yaml` has its own recipes only. Without a project, the
    included recipes can be named.

    Raises
    ------
    UserError
        If `dj_assets.yaml` cannot be read.
    """
    if root is None:
        return True
    mark = root / MARK
    return _gallery_of(mark) if mark.is_file() else root == checkout()


def _gallery_of(mark: Path) -> bool:
    import yaml

    try:
        content = yaml.safe_load(mark.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{mark}: cannot be read: {' '.join(str(error).split())}") from None
    content = {} if content is None else content
    gallery = content.get("gallery", True) if isinstance(content, dict) and not set(content) - {"gallery"} else None
    if not isinstance(gallery, bool):
        raise UserError(f"{mark}: must hold 'gallery: true' or 'gallery: false', and no other key")
    return gallery
