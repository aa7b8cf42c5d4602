"""The fields of the records of a measured file, and whether they are those that the operators over media read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import SourceError, UnreadableFileError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, stored_manifest
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.tokens import Kind
from dj_assets.operators.base import FieldMapper
from dj_assets.recipe.plan import Plan
from dj_assets.sources.arrow_types import is_list
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.record_fields import record_fields
from dj_assets.sources.sources import SourceFile

_WORDS = {"images": "images", "videos": "clips", "audios": "sounds"}
_RECIPE_KEYS = {"images": "image_key", "videos": "video_key", "audios": "audio_key"}


def require_media_keys(plan: Plan, layout: Layout, manifests: Sequence[FileManifest]) -> None:
    """Make sure that some record has the key under which an operator of the plan looks for media.

    A usual key, such as `videos`, may be missing if records list media of another kind that the plan reads.

    Raises
    ------
    SourceError
        If no record of the source has it: the operator would keep every sample without reading anything.
    """
    if plan.listings:
        _require(plan, [_fields(layout, manifest) for manifest in manifests if manifest.rows], manifests[:1])


def require_media_keys_before(plan: Plan, layout: Layout, files: Sequence[SourceFile], limit: int | None) -> None:
    """Make sure of the same as `require_media_keys` before anything is measured.

    Records are read until one has the key: usually the first one. Where an operator may write the key, nothing is
    checked here.

    Raises
    ------
    SourceError
        If no record has it.
    """
    keys = [key for kind, keys in plan.listings for key in _keys(keys, kind)]
    if not keys or _may_be_written(plan, keys) or any(not _missing(plan, [old]) for old in _measured_before(layout)):
        return
    seen: dict[pa.DataType, None] = {}
    with suppress(UnreadableFileError):  # what is wrong with the file is said when it is measured
        for fields in record_fields(files, keys, plan.recipe.text_key, plan.block_bytes, limit):
            seen[fields] = None
            if not _missing(plan, seen):
                return
        _require(plan, [*seen], files[:1])


def _require(plan: Plan, types: Collection[pa.DataType], first: Sequence[FileManifest] | Sequence[SourceFile]) -> None:
    """Raise for the first key that no record has, given the types of all records; `first` is the first file."""
    for kind, keys in _missing(plan, types) if types else ():
        seen = ", ".join(dict.fromkeys(name for fields in types for name in _names(fields))) or "none"
        raise SourceError(
            f"{first[0].path}: no record has the key {keys.field_of(kind)!r} (keys seen: {seen}), which lists "
            f"{_WORDS[kind]}; name the right one with {_RECIPE_KEYS[kind]!r} in the recipe"
        )


def _missing(plan: Plan, types: Iterable[pa.DataType]) -> list[tuple[Kind, MediaKeys]]:
    """Return the listings whose key no record has, given the types of the records."""
    held = [*types]
    missing = [
        (kind, keys)
        for kind, keys in plan.listings
        if not any(_type_at(fields, key) for fields in held for key in _keys(keys, kind))
    ]
    if len(missing) == len(plan.listings):
        return missing
    usual = MediaKeys()
    return [(kind, keys) for kind, keys in missing if keys.field_of(kind) != usual.field_of(kind)]


def _may_be_written(plan: Plan, keys: Sequence[str]) -> bool:
    """Return whether an operator of the plan may write one of the keys, or the object that holds it."""
    if plan.expanders:  # the samples that they make may have any fields
        return True
    mappers = [step.operator for step in plan.steps if isinstance(step.operator, FieldMapper)]
    written = {name.partition(".")[0] for mapper in mappers for name in mapper.fields}
    return any(key.partition(".")[0] in written for key in keys)


def _measured_before(layout: Layout) -> Iterator[pa.DataType]:
    """Yield the types of the records of every file that is measured already."""
    for path in layout.manifest(0).parent.glob("*.json"):
        manifest = stored_manifest(layout, int(path.stem))
        if manifest is not None and manifest.rows and manifest.field_types is not None:
            yield _fields(layout, manifest)


def holds_files(plan: Plan, layout: Layout, manifest: FileManifest) -> bool:
    """Return whether records hold the bytes of media where earlier versions read lists of paths only."""
    fields = _fields(layout, manifest)
    for kind, listing in plan.listings:
        keys = _keys(listing, kind)
        listed = _type_at(fields, keys[0])
        if listed is None and _type_at(fields, keys[-1]) is not None:
            return True
        while listed is not None and is_list(listed):
            listed = listed.value_type
        if listed is not None and (pa.types.is_struct(listed) or pa.types.is_binary(listed)):
            return True
    return False


def _keys(keys: MediaKeys, kind: Kind) -> tuple[str, ...]:
    return (keys.images, keys.image_bytes) if kind == "images" else (keys.field_of(kind),)


def _fields(layout: Layout, manifest: FileManifest) -> pa.DataType:
    """Return the type of the fields of a measured file: a struct, or a text if the records have too many keys."""
    shapes = ColumnTypes.from_json(manifest.field_types).shapes
    if shapes is not None:
        return shapes.arrow_type()
    return pq.read_schema(layout.fetched("fields", manifest.number)).field("fields").type


def _names(fields: pa.DataType) -> Iterator[str]:
    return (field.name for field in fields) if pa.types.is_struct(fields) else iter(())


def _type_at(fields: pa.DataType, key: str) -> pa.DataType | None:
    """Return the type of the values under a key, of which dots lead into objects; texts may hold any key."""
    if not pa.types.is_struct(fields):
        return fields
    if key in _names(fields):
        return fields.field(key).type
    head, dot, rest = key.partition(".")
    return _type_at(fields.field(head).type, rest) if dot and head in _names(fields) else None
