"""Replace single characters by a table, for several mappers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dj_assets.operators.batch import Batch

if TYPE_CHECKING:
    from dj_assets.kernels.replacements import Replacements


def replace_by_table(batch: Batch, table: Replacements, *, stripped: bool = False) -> Batch:
    """Return the batch with every character of the table replaced.

    With `stripped`, white space is removed from the ends of texts before.
    """
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.code_points import SPACE, code_point_flags
    from dj_assets.kernels.replacements import gather, replace_characters, row_bounds, strip

    data, offsets = buffers(batch.text)
    starts, ends = row_bounds(offsets)
    if stripped:
        starts, ends = strip(data, offsets, code_point_flags(), SPACE)
    replaced = replace_characters(data, starts, ends, table)
    if replaced is not None:
        return batch.with_text(strings(*replaced))
    unchanged = bool((starts == offsets[:-1]).all() and (ends == offsets[1:]).all())
    return batch if unchanged else batch.with_text(strings(*gather(data, starts, ends)))
