"""Delete given characters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dj_assets.operators.base import Mapper
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.character_table import replace_by_table
from dj_assets.operators.registry import register

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements


@register("remove_specific_chars_mapper")
class RemoveSpecificCharsMapper(Mapper):
    """Delete every character that occurs in `chars_to_remove`, a text or a list of texts."""

    chars_to_remove: str | tuple[str, ...] | None = "◆●■►▼▲▴∆▻▷❖♡□"

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without the characters."""
        deleted = "".join(self.chars_to_remove or "")
        return replace_by_table(batch, _table(deleted)) if deleted else batch


@cache
def _table(deleted: str) -> Replacements:
    from dj_assets.kernels.replacements import replacements

    return replacements(dict.fromkeys(deleted, ""))
