"""The Data-Juicer recipe gallery as a Dagster asset graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dj_assets.subset import RunResult
    from dj_assets.views.run import run_recipe

__version__ = "0.1.0"
__all__ = ["RunResult", "__version__", "run_recipe"]


def __getattr__(name: str) -> object:
    """Load `run_recipe` and `RunResult` at first use, so that `import dj_assets` stays quick."""
    if name == "run_recipe":
        from dj_assets.views.run import run_recipe

        return run_recipe
    if name == "RunResult":
        from dj_assets.subset import RunResult

        return RunResult
    raise AttributeError(f"module 'dj_assets' has no attribute {name!r}")
