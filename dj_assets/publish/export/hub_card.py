"""The card of an export for the hub of Hugging Face: where its tables are, and the card of the subset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dj_assets.publish.export.formats import ending

CARD = "README.md"
_RULE = "---\n"
# `datasets` finds the tables by this, also those that a later export adds
_CONFIGS = [{"config_name": "default", "data_files": [{"split": "train", "path": f"part-*{ending('huggingface')}"}]}]


def hub_card(card: Path, name: str) -> str:
    """Return the published card of a subset, with the tables named in its front matter; a short one without it."""
    text = card.read_text("utf-8") if card.exists() else ""
    front: Any = None
    if text.startswith(_RULE):
        head, _, text = text.removeprefix(_RULE).partition(f"\n{_RULE}")
        front = yaml.safe_load(head)
    about = {**(front if isinstance(front, dict) else {"pretty_name": name}), "configs": _CONFIGS}
    shown = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    return f"{_RULE}{shown}{_RULE}\n{text.lstrip() or f'# {name}'}"
