"""Load models with transformers, always from a folder: no server is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dj_assets.models.quiet_transformers import without_messages


def from_folder(kind: str, folder: Path) -> Any:  # noqa: ANN401 - transformers has no types
    """Return a model or tokenizer of a class of transformers, from the files of a checkpoint only."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    without_messages()
    return getattr(transformers, kind).from_pretrained(folder, local_files_only=True)
