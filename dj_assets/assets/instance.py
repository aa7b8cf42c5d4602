"""The Dagster instance of the project: one folder that the UI, the demo and the command line share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from dj_assets import settings, variables
from dj_assets.assets.couplings import complete_event_log
from dj_assets.errors import UserError


def dagster_home() -> Path:
    """Return the folder of the instance: `DAGSTER_HOME` if it is set, else `<project>/dagster_home`.

    Raises
    ------
    UserError
        If `DAGSTER_HOME` is not an absolute path of a folder, which Dagster requires, or if the project's folder has no
        `dagster.yaml`: Dagster would run, but with telemetry and without limits.
    """
    given = variables.DAGSTER_HOME.given()
    if given:
        if not (Path(given).is_absolute() and Path(given).is_dir()):
            raise UserError(f"DAGSTER_HOME: {given} is not the absolute path of a folder; correct it, or unset it")
        return Path(given)
    home = settings.project_root() / "dagster_home"
    if not (home / "dagster.yaml").is_file():
        raise UserError(f"{home}: has no dagster.yaml; 'dj-assets init {home.parent}' writes one")
    return home


@contextmanager
def project_instance() -> Iterator[dg.DagsterInstance]:
    """Open the project's instance, also for the processes that are started within the context."""
    name, before = variables.DAGSTER_HOME.name, variables.DAGSTER_HOME.given()
    os.environ[name] = str(dagster_home())
    try:
        with dg.DagsterInstance.get() as instance:
            complete_event_log(instance)
            yield instance
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
