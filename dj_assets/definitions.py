"""The Dagster entry: every recipe in `recipes/` and in the folders of `DJ_RECIPES`."""

from __future__ import annotations

from dj_assets.assets.asset_graph import gallery_definitions

defs = gallery_definitions()
