"""Documents and data files of a subset's folder: the parts that a working copy and its store exchange.

A *document* is a JSON file that is written last; it names the *data* files that it commits. Documents keep their names
in the store. Data files are stored under keys that change with their content, so no data file is ever overwritten: a
document that was read a moment ago names files that still exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# A part of a subset that is measured separately: the subset, its reference set, a counting pass over the corpus.
_AREA = r"(?P<area>(?:\.dj/)?(?:against/|counted/[^/]+/)*)"
_DOCUMENT = re.compile(
    rf"{_AREA}(?:(?P<shard>shards/\d+\.json)|(?P<run>runs/[^/]+\.json)|(?P<decision>decision/decision\.json)"
    r"|numbering\.json|grouping\.json|claim\.json)"
)
_MEASURED = re.compile(rf"{_AREA}(?:cleaned|fields|stats|signatures|rejects)/(?P<number>\d+)\.parquet")
_DECIDED = re.compile(r"(?P<work>(?:\.dj/)?)(?:decision/|near_pairs/|counted/|indexes/).*\.parquet")
_STORED = re.compile(r"(?:[^/]+/)*[^/]+-[0-9a-f]{16}\.parquet")
_RECORD = re.compile(r"(?P<work>(?:\.dj/)?)runs/(?P<run>[^/]+)\.parquet")
_SMALL = ("claim.json", "numbering.json", "grouping.json", "shards/*.json")
_KINDS = ("cleaned", "fields", "stats", "signatures", "rejects")

# Published files and folders: they make a version in the store. The order is that of listings, not of writing.
PUBLISHED = (
    "refined",
    "dropped",
    "quarantine",
    "stats.duckdb",
    "report.html",
    "dataset_card.md",
    "contact_sheets",
    "cleaned.parquet",
    "stats.parquet",
    "dropped.parquet",
    "quarantine.parquet",
    "funnel.json",
    "run.json",
)


def is_document(name: str) -> bool:
    """Return whether a file is a document, by its path in the subset's folder."""
    return _DOCUMENT.fullmatch(name) is not None


def run_of(name: str) -> str | None:
    """Return the id of the run whose manifest a document is; None for other documents."""
    match = _DOCUMENT.fullmatch(name)
    return PurePosixPath(name).stem if match and match["run"] else None


def documents(folder: Path) -> Iterator[str]:
    """Yield the documents of a subset's folder: a document comes after those it depends on, manifests of runs last."""
    works = ("", ".dj/")
    counted = [f"{work}counted/{path.name}/" for work in works for path in sorted(folder.glob(f"{work}counted/*"))]
    areas = [area for work in works for area in (work, f"{work}against/")]
    patterns = [f"{area}{name}" for area in [*areas, *counted] for name in _SMALL]
    patterns += [f"{work}{name}" for name in ("decision/decision.json", "runs/*.json") for work in works]
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).as_posix()


def runs(folder: Path) -> list[str]:
    """Return the manifests of all runs, oldest first."""
    paths = [path for work in ("", ".dj/") for path in folder.glob(f"{work}runs/*.json")]
    return [path.relative_to(folder).as_posix() for path in sorted(paths)]


def data_of(document: str, folder: Path, *, published: bool = True) -> list[str]:
    """Return the local data files that a document commits.

    For a run this is its record; if its version is `published`, also all published files.
    """
    match = _DOCUMENT.fullmatch(document)
    if match is None:
        return []
    area = match["area"]
    if match["shard"]:
        number = PurePosixPath(document).stem
        return _there(folder, [f"{area}{kind}/{number}.parquet" for kind in _KINDS])
    if match["decision"]:
        folders = ("decision", "near_pairs", "counted/*/near_pairs", "counted/*", "indexes")
        globs = tuple(f"{name}/*.parquet" for name in folders)
        paths = [path for pattern in globs for path in sorted(folder.glob(f"{area}{pattern}"))]
        return [path.relative_to(folder).as_posix() for path in paths if not path.name.startswith(".")]
    if match["run"]:
        record = _there(folder, [document.removesuffix(".json") + ".parquet"])
        return [*record, *_published(folder)] if published else record
    return []


def document_of(data: str, newest_run: str | None) -> str | None:
    """Return the document that commits a data file, by its path in the folder.

    Published files belong to the newest run, whose document is `newest_run`.
    """
    if match := _MEASURED.fullmatch(data):
        return f"{match['area']}shards/{match['number']}.json"
    if match := _RECORD.fullmatch(data):
        return f"{match['work']}runs/{match['run']}.json"
    if match := _DECIDED.fullmatch(data):
        return f"{match['work']}decision/decision.json"
    return newest_run if PurePosixPath(data).parts[0] in PUBLISHED else None


def object_name(data: str, document: str, checksum: str) -> str:
    """Return the key in the store of a data file with a SHA-256: the key changes with the content, or with the run."""
    run = run_of(document)
    if run is not None:
        return data if _RECORD.fullmatch(data) else f"versions/{run}/{data}"
    path = PurePosixPath(data)
    return str(path.with_name(f"{path.stem}-{checksum[:16]}{path.suffix}"))


def is_object(key: str) -> bool:
    """Return whether an object of the store is a data file, named by its content or by a run."""
    return key.startswith("versions/") or _STORED.fullmatch(key) is not None


def _there(folder: Path, names: list[str]) -> list[str]:
    return [name for name in names if (folder / name).is_file()]


def _published(folder: Path) -> list[str]:
    entries = [folder / name for name in PUBLISHED]
    files = [path for entry in entries for path in ([entry] if entry.is_file() else sorted(entry.rglob("*")))]
    return [path.relative_to(folder).as_posix() for path in files if path.is_file()]
