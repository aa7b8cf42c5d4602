"""The images, clips and sounds of a mix: its subsets list them by other fields, and relative to other folders."""

from __future__ import annotations

import pyarrow as pa

from dj_assets.errors import MediaError, UserError
from dj_assets.home.layout import Layout
from dj_assets.media.media_keys import MediaKeys
from dj_assets.publish.export.exported_media import MediaSource
from dj_assets.sources.fields import ID, SAMPLE_NAME

_PATHS = pa.list_(pa.string())
_FILES = pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()}))


def lists_media(schema: pa.Schema, media: MediaSource) -> bool:
    """Return whether samples list images, clips or sounds."""
    return not {*_fields(media), media.image_bytes}.isdisjoint(schema.names)


def holds_contents(schema: pa.Schema, media: MediaSource) -> bool:
    """Return whether samples hold the bytes of their media."""
    lists = [schema.field(name).type for name in _fields(media) if name in schema.names]
    return media.image_bytes in schema.names or any(_has_bytes(kind) for kind in lists)


def with_usual_media(batch: pa.RecordBatch, media: MediaSource, layout: Layout, *, contents: bool) -> pa.RecordBatch:
    """Return samples whose media are in the fields `images`, `videos` and `audios`, by paths that hold anywhere.

    The lists are paths, or, with `contents`, objects with `bytes`, which may be null, and `path`.

    Raises
    ------
    UserError
        If another column has one of these names, or a path is refused, which names the sample.
    """
    if not lists_media(batch.schema, media):
        return batch
    images = batch.column(media.image_bytes).to_pylist() if media.image_bytes in batch.schema.names else None
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns.pop(media.image_bytes, None)
    for field, usual in _fields(media).items():
        held = images if usual == MediaKeys.images else None
        if field not in columns and held is None:
            continue
        if field != usual and usual in columns:
            raise UserError(f"{layout.location}: has a column {usual} beside {field}, which lists its media; rename it")
        values = columns[field].to_pylist() if field in columns else [None] * len(batch)
        made = _listed(
            batch, media, field, values, held or [None] * len(batch), contents=contents, where=str(layout.location)
        )
        columns = {usual if name == field else name: made if name == field else old for name, old in columns.items()}
        columns.setdefault(usual, made)
    return pa.RecordBatch.from_arrays([*columns.values()], names=[*columns])


def _listed(
    batch: pa.RecordBatch,
    media: MediaSource,
    field: str,
    values: list[object],
    held: list[object],
    *,
    contents: bool,
    where: str,
) -> pa.Array:
    rows: list[list[object] | None] = []
    for index, (value, content) in enumerate(zip(values, held, strict=True)):
        try:
            files = media.from_anywhere(field, value, content)
        except MediaError as error:
            known = next((key for key in (SAMPLE_NAME, ID) if key in batch.schema.names), None)
            sample = batch.column(known)[index].as_py() if known else index
            raise UserError(f"{where}: sample {sample}: a path of {field} {error}") from None
        if files is None:
            rows.append(None)
        else:
            rows.append([{"bytes": data, "path": path} if contents else path for path, data in files])
    return pa.array(rows, _FILES if contents else _PATHS)


def _fields(media: MediaSource) -> dict[str, str]:
    """Return the usual name of each field that lists media."""
    return {media.images: MediaKeys.images, media.videos: MediaKeys.videos, media.audios: MediaKeys.audios}


def _has_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _has_bytes(kind.value_type)
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
