"""The Data-Juicer recipe gallery as a Dagster asset graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dj_assets.subset import RunResult
    from dj_assets.views.finished_run import FinishedRun
    from dj_assets.views.finished_run import open_run as open
    from dj_assets.views.run import run_recipe

__version__ = "0.1.0"
__all__ = ["FinishedRun", "RunResult", "__version__", "open", "run_recipe"]


def __getattr__(name: str) -> object:
    """Load the public functions and classes at first use, so that `import dj_assets` stays quick."""
    if name == "run_recipe":
        from dj_assets.views.run import run_recipe

        return run_recipe
    if name == "RunResult":
        from dj_assets.subset import RunResult

        return RunResult
    if name in {"FinishedRun", "open"}:
        from dj_assets.views import finished_run

        return finished_run.open_run if name == "open" else finished_run.FinishedRun
    raise AttributeError(f"module 'dj_assets' has no attribute {name!r}")
