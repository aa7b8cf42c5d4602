"""The Ray cluster of Dagster runs: a resource of `dagster-ray`, used where `DJ_ENGINE` chooses Ray."""

from __future__ import annotations

import logging
from typing import Any

from dj_assets import settings
from dj_assets.models.extras import require

_NAME = "ray"


def cluster_keys() -> set[str]:
    """Return the resources of a step that measures or writes: the cluster, or none."""
    return {_NAME} if settings.engine() == "ray" else set()


def cluster_resources() -> dict[str, Any]:
    """Return the resources of that name: a run connects when it starts, and leaves when it ends.

    It is the cluster that `RAY_ADDRESS` names or that runs on the machine, else one that is started there. A resource
    of `dagster_ray.kuberay` with the same name replaces it.

    Raises
    ------
    UserError
        If the packages are not installed; the message has the command that installs them.
    """
    if not cluster_keys():
        return {}
    require("dagster_ray", "ray")
    from dagster_ray import LocalRay

    return {_NAME: LocalRay(ray_init_options={"log_to_driver": False, "logging_level": logging.ERROR})}
