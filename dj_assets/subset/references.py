"""The documents that filters compare samples with: found before the run, read and indexed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.home.layout import Layout
from dj_assets.operators.kinds.reference_filter import Document, ReferenceFilter, ReferenceSet
from dj_assets.recipe.plan import Plan, digest
from dj_assets.replay.near_pairs import read_stored, store
from dj_assets.sources.documents import entries_of
from dj_assets.sources.sources import SourceFile, resolve

_COLUMN = "index"


@dataclass(frozen=True)
class References:
    """Hold the files with the reference documents of every filter of a plan, by its label."""

    plan: Plan
    layout: Layout
    files: Mapping[str, tuple[tuple[ReferenceSet, tuple[SourceFile, ...]], ...]]

    @classmethod
    def of(cls, plan: Plan, layout: Layout) -> References:
        """Find the files of all reference sets.

        Raises
        ------
        SourceError
            If a path does not exist, or is of no format that is read.
        """
        base = settings.base_folder()
        sets = {
            step.label: step.operator.against for step in plan.filters if isinstance(step.operator, ReferenceFilter)
        }
        return cls(
            plan, layout, {label: tuple((s, resolve(s.paths, base)) for s in named) for label, named in sets.items()}
        )

    @cached_property
    def indexes(self) -> dict[str, np.ndarray]:
        """Return the index of every filter by its label, from disk where its files have not changed.

        Raises
        ------
        RecipeError
            If a reference set has no text.
        SourceError
            For a record that cannot be read.
        """
        return {label: self._index(label) for label in self.files}

    def _index(self, label: str) -> np.ndarray:
        step = next(step for step in self.plan.filters if step.label == label)
        operator = step.operator
        if not isinstance(operator, ReferenceFilter):
            raise TypeError(f"{label} compares with no documents")
        found = [[(str(file.path), file.size, file.mtime_ns) for file in files] for _, files in self.files[label]]
        key = digest([operator.name, operator.version, operator.measuring_parameters(), found]).encode()
        path = self.layout.index(label)
        stored = read_stored(path, key)
        if stored is None:
            index = operator.index(self._documents(label))
            stored = pa.table({_COLUMN: pa.array([index.tobytes()], pa.large_binary())})
            store(path, stored, key)
        return np.frombuffer(stored[_COLUMN][0].as_buffer(), np.uint8)

    def _documents(self, label: str) -> Iterator[Document]:
        recipe = self.plan.recipe
        for named, files in self.files[label]:
            empty = True
            for file in files:
                for entry in entries_of(file, named.text_keys, recipe.text_key):
                    empty = empty and not entry.text
                    yield Document(named.label, entry.id, entry.text)
            if empty:
                keys = ", ".join(named.text_keys) or "a field with text"
                raise RecipeError(
                    recipe.file, f"no document of {named.label} has {keys}", operator=label, key="against"
                )
