"""The engine of a Ray cluster. Its modules import Ray, so they are imported only when this engine is chosen."""

from __future__ import annotations

import os

# Ray logs twenty lines when a node dies; the run reports the consequence itself. Ray reads the variable when it is
# imported.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
