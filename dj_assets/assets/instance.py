"""The project's Dagster instance: one folder that the UI, the demo and the command line share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from dj_assets import settings
from dj_assets.errors import UserError


def dagster_home() -> Path:
    """Return `<project>/dagster_home` as an absolute path, as Dagster requires.

    Raises
    ------
    UserError
        If the folder has no `dagster.yaml`: Dagster would run, but with telemetry and without limits.
    """
    home = settings.project_root() / "dagster_home"
    if not (home / "dagster.yaml").is_file():
        raise UserError(f"{home}: has no dagster.yaml; run from a checkout of the project or name it with DJ_PROJECT")
    return home


@contextmanager
def project_instance() -> Iterator[dg.DagsterInstance]:
    """Open the project's instance, also for the processes that are started within the context."""
    os.environ["DAGSTER_HOME"] = str(dagster_home())
    with dg.DagsterInstance.get() as instance:
        yield instance
