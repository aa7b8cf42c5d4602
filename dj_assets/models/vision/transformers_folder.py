"""Load models with transformers, always from a folder: no server is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def from_folder(kind: str, folder: Path) -> Any:  # noqa: ANN401 - transformers has no types
    """Return a model or tokenizer of a class of transformers, from the files of a checkpoint only."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    talk: Any = transformers.logging
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    return getattr(transformers, kind).from_pretrained(folder, local_files_only=True)
