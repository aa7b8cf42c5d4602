"""Know the operators of Data-Juicer 1.6.1: kinds, parameters, and why some of them are not here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "data_juicer_operators.json"

# Why an operator is not available yet, by the key `needs` of the file.
NOT_YET = {
    "diffusion model": "it paints images with a diffusion model",
    "engine": "it arranges blocks for Ray, and results never depend on blocks here",
    "faces and speakers": "it looks for faces or speakers",
    "language model": "it calls a language model",
    "lists of texts": "it takes samples apart whose text is a list, and a text is one text here",
    "texts in pictures": "it finds text in pictures by weights that are downloaded at the first use",
    "sound": "it analyses sound, or changes it",
    "text model": "it runs a classifier or an embedding model over texts",
    "vision language model": "it asks a model about images",
    "vision model": "it runs a vision model",
    "writes media": "it writes images or clips",
}
# Why an operator will not be available, and what to do in its place.
NEVER = {
    "3-D": ("it computes cameras, depths or other geometry", "run it before, and read its results as fields"),
    "poses": ("it computes poses of bodies", "run it before, and read its results as fields"),
    "robotics": ("it computes data for robots", "run it before, and read its results as fields"),
    "transfers files": (
        "it transfers files inside of an operator",
        "fetch the files before with 'dj-assets fetch', or name the store in the source and in the export",
    ),
}


@dataclass(frozen=True)
class DataJuicerOperator:
    """Describe an operator of Data-Juicer 1.6.1: kind, names of its parameters, and what it needs, if that is missing.

    Examples
    --------
    >>> operators()["text_length_filter"].parameters
    ('min_len', 'max_len')
    >>> operators()["vggt_mapper"].why
    'it computes cameras, depths or other geometry'
    """

    kind: str
    parameters: tuple[str, ...]
    needs: str = ""

    @property
    def never(self) -> bool:
        """Return whether the operator is not planned."""
        return self.needs in NEVER

    @property
    def why(self) -> str:
        """Return why the operator is not available, as a clause; empty if it is."""
        return NEVER[self.needs][0] if self.never else NOT_YET.get(self.needs, "")

    @property
    def problem(self) -> str:
        """Return the sentence for a recipe that names the operator."""
        status = "dj_assets does not" if self.never else "dj_assets does not yet"
        return f"Data-Juicer has this operator, {status}" + (f": {self.why}" if self.why else "")

    @property
    def fix(self) -> str | None:
        """Return what to do in its place, None if that is open."""
        return NEVER[self.needs][1] if self.never else None


@cache
def operators() -> Mapping[str, DataJuicerOperator]:
    """Return every operator by its name, sorted."""
    entries = json.loads(_FILE.read_text("utf-8"))
    return {
        name: DataJuicerOperator(entry["kind"], tuple(entry["parameters"]), entry.get("needs", ""))
        for name, entry in entries.items()
    }
