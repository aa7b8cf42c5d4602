"""Filter documents by the suffix of their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import ClassVar

import pyarrow as pa

from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import OneOf
from dj_assets.operators.registry import register
from dj_assets.operators.views.sample_fields import field_values

SUFFIX = "__dj__suffix__"
# Fields with the path of a document, the preferred ones first.
PATHS = tuple(
    prefix + name
    for name in ("path", "file_path", "file_name", "filename", "max_stars_repo_path")
    for prefix in ("", "meta.")
)


@register("suffix_filter")
class SuffixFilter(Filter):
    """Keep documents whose file has one of `suffixes`, dot included, in the given case; all documents if it is empty.

    The suffix is the field `__dj__suffix__` of the document, else that of the path in its field `path`, `file_path`,
    `file_name`, `filename` or `max_stars_repo_path`, or in the field of `meta` with such a name. The suffix of a file
    without a dot is its name (`Makefile`). Without any of these fields the suffix is empty. `reversed_range` keeps the
    others.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"suffixes"}
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("suffix", pa.string(), "file name ending"),)

    suffixes: str | tuple[str, ...] | None = ()

    @property
    def condition(self) -> OneOf:
        """Return the condition that the suffix is one of `suffixes`, if there are any."""
        suffixes = (self.suffixes,) if isinstance(self.suffixes, str) else self.suffixes
        return OneOf("suffix", tuple(filter(None, suffixes or ())), reversed=self.reversed_range)

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the suffix of every document."""
        suffixes = [value if isinstance(value, str) else None for value in field_values(batch, SUFFIX)]
        for key in PATHS:
            if None not in suffixes:
                break
            paths = field_values(batch, key)
            suffixes = [
                _suffix(path) if suffix is None else suffix for suffix, path in zip(suffixes, paths, strict=True)
            ]
        return {"suffix": pa.array([suffix or "" for suffix in suffixes], pa.string())}


def _suffix(path: object) -> str | None:
    if not isinstance(path, str) or not path:
        return None
    name = PurePosixPath(path.replace("\\", "/"))
    return name.suffix or name.name
