"""The Dagster entry: every recipe in `recipes/` and in the folders of `DJ_RECIPES`."""

from __future__ import annotations

from dj_assets import settings, system

# steps measure in processes that load this module first
settings.one_blas_thread()
system.share_freed_memory()

from dj_assets.assets.asset_graph import gallery_definitions  # noqa: E402

defs = gallery_definitions()
