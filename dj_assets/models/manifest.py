"""The manifest of models: the source and licence of each, and the models that may substitute for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, model_validator


@dataclass(frozen=True)
class ModelPart:
    """Hold one file of a model: its path below the folder of models, its addresses, its published checksum."""

    saved_as: str
    urls: tuple[str, ...]
    sha256: str | None = None


class ModelEntry(BaseModel):
    """Hold one model: the `name` by which operators request it, and its properties.

    `sha256` is None if no checksum is published: the checksum is then recorded at the first pull. `size` is for people.
    `command` gets a model that is not downloaded here, such as a package. `pairs_with` names the model that this one
    needs: if one of them is a stand-in, both come from the same source.

    A checkpoint is a folder of `files`, all below the same address; `a | b` is the first of several that exists there.
    An `archive` is a zip file; its part below the model's name is kept. Neither has a checksum of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    urls: tuple[str, ...] = ()
    command: str = ""
    sha256: str | None = None
    size: str = ""
    licence: str
    used_by: tuple[str, ...]
    accepts: tuple[str, ...] = ()
    saved_as: str = ""
    files: tuple[str, ...] = ()
    archive: bool = False
    pairs_with: str = ""
    embedded: bool = False
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _name_answers_itself(cls, values: object) -> object:
        if not isinstance(values, dict) or "name" not in values:
            return values
        return {"accepts": (values["name"],), "saved_as": values["name"], **values}

    @property
    def how_to_get(self) -> str:
        """Return the command that gets the model; empty if there is none."""
        if self.urls:
            return f"dj-assets models pull {self.name}"
        return self.command

    @property
    def several(self) -> bool:
        """Return whether the model is a folder of several files."""
        return self.archive or bool(self.files)

    def parts(self) -> list[list[ModelPart]]:
        """Return every file to download, each as a list of alternatives, best first."""
        if not self.files:
            return [[ModelPart(self.saved_as, self.urls, self.sha256)]]
        choices = ([choice.strip() for choice in file.split("|")] for file in self.files)
        return [[self._file(name) for name in names] for names in choices]

    def _file(self, name: str) -> ModelPart:
        return ModelPart(f"{self.saved_as}/{name}", tuple(f"{url}/{name}" for url in self.urls))


class Manifest(BaseModel):
    """Hold all models, in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...]

    def entry(self, name: str) -> ModelEntry | None:
        """Return the entry of a model, or None if the manifest has no model of that name."""
        return next((entry for entry in self.models if entry.name == name), None)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; an entry with `languages` becomes one entry per language."""
    # libyaml's loader if it is available: every command that uses models reads this file
    content = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both safe
    return Manifest.model_validate(
        {**content, "models": [model for raw in content["models"] for model in _by_language(raw)]}
    )


def how_to_get(name: str) -> str:
    """Return the command that gets a model; empty if there is none."""
    entry = manifest().entry(name)
    return entry.how_to_get if entry else ""


@cache
def manifest() -> Manifest:
    """Return the manifest of the package."""
    return read_manifest(Path(__file__).parent / "manifest.yaml")


def _by_language(raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    fields = {key: value for key, value in raw.items() if key not in {"languages", "embedded_languages", "note"}}
    for lang in raw.get("languages", [""]):
        embedded = raw.get("embedded", False) or lang in raw.get("embedded_languages", ())
        entry = {key: _with_language(value, lang) for key, value in fields.items()}
        yield {**entry, "embedded": embedded, "note": _with_language(raw.get("note", ""), lang) if embedded else ""}


def _with_language(value: object, lang: str) -> object:
    if isinstance(value, list):
        return [_with_language(item, lang) for item in value]
    return value.replace("{lang}", lang) if isinstance(value, str) else value
