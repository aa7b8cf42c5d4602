"""The manifest of a run: what was published, from which files, by which recipe, models and versions.

`runs/<run id>.json` and the `run.json` of an output folder hold it. This module alone reads and writes them.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    model_serializer,
)

from dj_assets.errors import DamagedError, UserError
from dj_assets.home.damage import Sum
from dj_assets.home.json_files import content_checksum, taken_checksum, write_document
from dj_assets.home.mixed_share import MixedShare
from dj_assets.home.numbering import are_aggregates
from dj_assets.media.locations import Root
from dj_assets.media.media_keys import FIELD_KEYS, MediaKeys
from dj_assets.models.text.counting import CallCounts

# The database is written before these are known: its copy of the manifest does not have them.
_LATE = frozenset({"database_bytes", "database_crc32", "files", "record"})
# Raise it when a key gets another meaning. Manifests without the key are of version 0.
SCHEMA_VERSION = 1


class _Record(BaseModel):
    """A part of the manifest. Keys that a version does not know are ignored; `_optional` ones are written if set."""

    # two names can be the same: `files` of a run is "shards" in its JSON, where "files" is `checksums`
    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=False)
    _optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        content: dict[str, object] = serialize(self)
        return {name: value for name, value in content.items() if value or name not in self._optional}

    def as_json(self) -> dict[str, object]:
        """Return the content with the keys of the file."""
        return self.model_dump(by_alias=True)

    @classmethod
    def of_json(cls, content: object) -> Self:
        """Return a record from its JSON.

        Raises
        ------
        ValidationError
            If a key is missing, or a value has another type.
        """
        return cls.model_validate(content, by_alias=True, by_name=False)


class FunnelStep(_Record):
    """Hold the counts of one operator. `seconds` are of measuring, summed over workers.

    `dropped_against` counts the dropped samples that are duplicates of a sample of the reference set. `conditional` is
    true if the operator has statistics only for samples that the filters before it keep. `created` counts the samples
    that the operator made from others, `expanded` those that these replaced, `grouped` those that became members of one
    of these.
    """

    _optional = frozenset({"conditional", "created", "expanded", "grouped"})

    operator: str
    params: dict[str, object]
    samples_in: int = Field(alias="in")
    samples_out: int = Field(alias="out")
    dropped: int
    quarantined: int
    seconds: float
    dropped_against: int = 0
    conditional: bool = False
    created: int = 0
    expanded: int = 0
    grouped: int = 0


class Bins(_Record):
    """The histogram of one statistic; samples without the statistic are not counted.

    A statistic that is a number has `edges`: bin n counts the values up to and with edge n, the bin after the last edge
    the greater values, and the last bin values that are not finite. A text has `names`, the most frequent ones, and a
    last bin for all others.
    """

    _optional = frozenset({"counts", "edges", "names"})

    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()


class UsedModel(_Record):
    """A model that scored samples. `note` says if it is a stand-in for another one."""

    name: str
    path: str = ""
    sha256: str
    note: str = ""


class MeasuredFile(_Record):
    """A source file as it was measured; the fields are those of `FileManifest`."""

    _optional = frozenset({"members"})

    number: int = Field(alias="shard")
    path: str
    size: int
    mtime_ns: int
    sha256: str
    measure_key: str
    limit: int | None = None
    records: int
    rows: int
    dropped: int
    quarantined: int
    text_bytes: int
    left_out: int = 0
    files: dict[str, tuple[int, int | None]] = Field(default_factory=dict)
    worker_mb: float = 0.0
    media: str = ""
    members: tuple[tuple[str, int], ...] = ()

    def position(self, row: int) -> tuple[str, int]:
        """Return the path of a record's own file, and the number of the record in it."""
        at = bisect.bisect_right([start for _, start in self.members], row) - 1
        return (self.members[at][0], row - self.members[at][1]) if at >= 0 else (self.path, row)

    @property
    def name(self) -> str:
        """Return the name of the file for people; of joined files, the first one and the number of the others."""
        others = f" and {len(self.members) - 1:,} more" if self.members else ""
        return f"{PurePath(self.path).name}{others}"


class ReferenceFile(_Record):
    """A file of the reference set."""

    number: int = Field(alias="shard")
    path: str
    sha256: str
    records: int
    measure_key: str


class Against(_Record):
    """The reference set: how many samples it has, and how many were dropped because they are in it."""

    samples: int
    dropped: int
    files: tuple[ReferenceFile, ...]


class PublishedFile(_Record):
    """A refined file: the number of its source file, its samples, the key of its content, its size and checksum."""

    name: str
    number: int = Field(alias="shard")
    samples: int
    key: str = ""
    bytes: int
    crc32: int | None = None

    @property
    def written(self) -> Sum:
        """Return its size and CRC-32, as it was written."""
        return Sum(self.bytes, self.crc32)


class MediaFields(_Record):
    """The fields of a sample that list its images, clips and sounds."""

    images: str = MediaKeys.images
    videos: str = MediaKeys.videos
    audios: str = MediaKeys.audios
    image_bytes: str = MediaKeys.image_bytes


class RunMedia(_Record):
    """Where images and clips are found. `roots` are those of source files, by number, that are not in their folder."""

    keys: MediaFields = MediaFields()
    roots: dict[int, Root] = Field(default_factory=dict)

    @field_serializer("roots")
    def _roots_as_json(self, roots: dict[int, Root]) -> dict[int, dict[str, object]]:
        return {number: root.as_json() for number, root in roots.items()}


class RunManifest(_Record):
    """The manifest of a run.

    `recipe` is the file of the recipe, `process` its operators with their parameters. `conditional` names operators
    whose statistics are known only of samples that the filters before keep. `seconds` is the time of each stage.
    `blocks_by_node` counts the blocks that each machine measured. `short_texts` counts, for each deduplicator, the
    duplicates that are texts shorter than a shingle. `missing_shards` names the shards of a sharded subset that are not
    in this version. `notices` are sentences for the user of the run. `calls` counts the calls of language models that
    each step made when its samples were measured. `database_bytes` and `database_crc32` are those of
    the published database. `checksums` has size and CRC-32 of all other published files that are not refined files, by
    path: tables, report, card, contact sheets. `record` has those of the record of outcomes. Runs of earlier versions
    have neither. The copy of the manifest in the database has none of the four. `mix` has the subsets of a mixture.
    """

    _optional = (
        frozenset(
            {
                *("conditional", "against", "media", "missing_shards", "notices", "calls"),
                *("created", "expanded", "grouped", "mix"),
            }
        )
        | _LATE
    )

    schema_version: int = SCHEMA_VERSION
    run_id: str
    finished: str
    recipe: str
    name: str
    process: tuple[dict[str, dict[str, object]], ...]
    text_keys: str = "text"
    custom_operator_paths: tuple[str, ...] = ()
    stats_hash: str
    refined_hash: str
    result_key: str
    samples_in: int
    samples_out: int
    dropped: int
    quarantined: int
    dropped_by_load: int
    quarantined_by_load: int
    created: int = 0
    expanded: int = 0
    grouped: int = 0
    retention: float
    funnel: tuple[FunnelStep, ...]
    conditional: tuple[str, ...] = ()
    models: tuple[UsedModel, ...]
    files: tuple[MeasuredFile, ...] = Field(alias="shards")
    engine: str = "local"
    nodes: tuple[str, ...] = ()
    blocks_by_node: dict[str, int] = Field(default_factory=dict)
    workers: int = 1
    seconds: dict[str, float]
    peak_rss_mb: float = 0.0
    versions: dict[str, str]
    measure_key: str
    short_texts: dict[str, int] = Field(default_factory=dict)
    against: Against | None = None
    media: RunMedia | None = None
    missing_shards: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    calls: dict[str, CallCounts] = Field(default_factory=dict)
    refined: tuple[PublishedFile, ...]
    mix: tuple[MixedShare, ...] = ()
    statistics: dict[str, Bins] = Field(default_factory=dict)
    database_bytes: int | None = None
    database_crc32: int | None = None
    checksums: dict[str, Sum] = Field(default_factory=dict, alias="files")
    record: Sum | None = None

    @classmethod
    def read(cls, path: Path) -> RunManifest:
        """Read a manifest of this version or an earlier one.

        Raises
        ------
        UserError
            If a later version of dj_assets wrote it.
        DamagedError
            If it is no manifest of a run.
        FileNotFoundError
            If there is no such file.
        """
        content = {"schema_version": 0, **_content(path)}
        version = content["schema_version"]
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UserError(
                f"{path}: has schema version {version}, but this version of dj_assets reads at most {SCHEMA_VERSION}: "
                "it was written by a newer dj_assets; upgrade dj_assets"
            )
        try:
            return cls.of_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise _damaged(path, f"{key}: {first['msg']}") from None

    def recipe_content(self) -> dict[str, object]:
        """Return the keys of a recipe that runs the same operators over the same fields again."""
        fields, usual = self.media.keys if self.media else MediaFields(), MediaFields()
        names = {key: name for of_kind in FIELD_KEYS.values() for key, name in of_kind.items()}
        paths = list(self.custom_operator_paths)
        return {
            "text_keys": self.text_keys,
            **{key: getattr(fields, of) for key, of in names.items() if getattr(fields, of) != getattr(usual, of)},
            **({"custom_operator_paths": paths} if paths else {}),
            "process": list(self.process),
        }

    def write(self, path: Path) -> None:
        """Write the manifest; the file appears whole or not at all."""
        write_document(path, self.as_json())

    def with_database(self, written: Sum) -> RunManifest:
        """Return the manifest with size and CRC-32 of the published database."""
        return self.model_copy(update={"database_bytes": written.bytes, "database_crc32": written.crc32})

    def with_checksums(self, checksums: dict[str, Sum], record: Sum) -> RunManifest:
        """Return the manifest with sizes and CRC-32 of the other published files and of the record of outcomes."""
        return self.model_copy(update={"checksums": checksums, "record": record})

    @property
    def database(self) -> Sum:
        """Size and CRC-32 of the database, as it was published or rebuilt."""
        return Sum(self.database_bytes or 0, self.database_crc32)

    @property
    def loading(self) -> tuple[FunnelStep, ...]:
        """The step `load` before the operators; empty if loading lost no sample."""
        lost = self.dropped_by_load + self.quarantined_by_load
        if not lost:
            return ()
        step = FunnelStep(
            operator="load",
            params={},
            samples_in=self.samples_in,
            samples_out=self.samples_in - lost,
            dropped=self.dropped_by_load,
            quarantined=self.quarantined_by_load,
            seconds=0.0,
        )
        return (step,)

    @property
    def made(self) -> dict[str, int]:
        """Samples made from others, and those that became others: `created`, `expanded`, `grouped`, as far as not 0."""
        counts = {"created": self.created, "expanded": self.expanded, "grouped": self.grouped}
        return {name: count for name, count in counts.items() if count}

    @property
    def samples(self) -> int:
        """The number of samples that could be kept: those made from others count, those that these replaced do not."""
        return self.samples_in + self.created - self.expanded - self.grouped

    @property
    def sources(self) -> tuple[MeasuredFile, ...]:
        """The source files, without the files of aggregates."""
        return tuple(file for file in self.files if not are_aggregates(file.number))

    def file(self, number: int) -> MeasuredFile:
        """Return the measured file with a number."""
        return next(file for file in self.files if file.number == number)

    def media_root(self, number: int, made: str) -> Root:
        """Return the root of the media paths in a source file, given the folder or URL of the media that were made.

        Where no root is recorded, it is the folder of the file.
        """
        recorded = self.media.roots.get(number) if self.media else None
        return replace(recorded or Root(str(Path(self.file(number).path).parent)), made=made)

    @property
    def reference(self) -> tuple[ReferenceFile, ...]:
        """The files of the reference set; empty if there is none."""
        return self.against.files if self.against else ()


def content_in_database(path: Path) -> dict[str, object]:
    """Return the content of a stored manifest as its database has it, with the keys that this version does not know."""
    return {key: value for key, value in _content(path).items() if key not in _LATE}


def record_database(path: Path, written: Sum) -> None:
    """Write size and CRC-32 of a rebuilt database into a stored manifest; all other keys stay as they are."""
    write_document(path, {**_content(path), "database_bytes": written.bytes, "database_crc32": written.crc32})


def record_checksums(path: Path, checksums: Mapping[str, Sum]) -> None:
    """Write sizes and CRC-32 of published files into a stored manifest; all other keys stay as they are."""
    write_document(path, {**_content(path), "files": checksums})


def copy_manifest(path: Path, target: Path) -> None:
    """Write the content of a stored manifest to another file."""
    write_document(target, _content(path))


def _content(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(content, dict):
        raise _damaged(path, "is not a JSON object")
    written = taken_checksum(content)
    if written is not None and content_checksum(content) != written:
        raise _damaged(path, "its checksum differs")
    return content


def _damaged(path: Path, problem: str) -> DamagedError:
    return DamagedError(f"{path}: is not the manifest of a run ({problem}); run the subset again, or remove the file")
