"""Filter samples by documents other than the samples, which are indexed once before samples are measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from dj_assets.operators.base import Filter
from dj_assets.operators.batch import Batch

Index = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Document:
    """Hold a reference document: the name of its set, its id in the set, and its text."""

    of: str
    id: str
    text: str


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class ReferenceSet(BaseModel):
    """Name documents to compare with: files, folders or globs, and the fields of their records that are read.

    Attributes
    ----------
    paths
        Files, folders or globs, as in the source of a subset.
    text_keys
        The fields with the text of a document, which are joined; by default the text of the recipe, in records without
        it all texts but ids.
    name
        The name of the set; by default the first path without folders and endings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
    text_keys: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_a_path(cls, value: object) -> object:
        if isinstance(value, str):
            return {"paths": (value,)}
        if isinstance(value, Mapping):
            other = {"path": "paths", "text_key": "text_keys"}
            return {other.get(str(key), str(key)): entry for key, entry in value.items()}
        return value

    @property
    def label(self) -> str:
        """Return the name of the set."""
        last = self.paths[0].rstrip("/").rpartition("/")[2] if self.paths else ""
        return self.name or last.partition(".")[0] or last


def _sets(value: object) -> object:
    """Return a path, a set, or a mapping of names to paths as a list of sets."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        if {"path", "paths"} & set(value):
            return (value,)
        return tuple({**_named(entry), "name": str(name)} for name, entry in value.items())
    return value


def _named(entry: object) -> dict[str, Any]:
    if isinstance(entry, Mapping):
        return {str(key): value for key, value in entry.items()}
    return {"paths": entry}


# Editors get the forms in which a recipe writes reference sets, without their details.
_FORMS = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}
ReferenceSets = Annotated[tuple[ReferenceSet, ...], BeforeValidator(_sets), WithJsonSchema(_FORMS)]


class ReferenceFilter(Filter):
    """Filter by a comparison with the documents of `against`, which are indexed once for all workers."""

    against: ReferenceSets = ()

    @abstractmethod
    def index(self, documents: Iterable[Document]) -> Index:
        """Return the index of documents as bytes, shape `(n,)`; equal documents give equal bytes."""

    @abstractmethod
    def measure_against(self, batch: Batch, index: Index) -> Mapping[str, pa.Array]:
        """Return one array for each statistic key, as long as the batch."""

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the statistics of samples that are compared with no documents."""
        return self.measure_against(batch, self.index(()))
