"""The engine of a Ray cluster. Its modules import Ray, so they are imported where it was chosen, not before."""

from __future__ import annotations

import os

# A node that dies is told by Ray with twenty lines of its log; what it means for the run, the run tells. Read by Ray
# when it is imported.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
