"""Write the samples of a mix in their order, without holding more than one file of it in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
import pyarrow as pa

from dj_assets.errors import UserError
from dj_assets.home.layout import Layout, part_name
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import PublishedFile, RunManifest
from dj_assets.home.writing import ParquetFileWriter
from dj_assets.publish.export.refined_samples import RefinedSamples, table_types
from dj_assets.publish.export.samples import Samples
from dj_assets.sources.arrow_types import in_type
from dj_assets.sources.column_types import TableTypes, plain
from dj_assets.sources.json_values import json_texts
from dj_assets.subset.mixing.amounts import Numbers, Taken
from dj_assets.subset.mixing.mixed_media import holds_contents, lists_media, with_usual_media

TEXT = "text"
# Where a sample of a mix comes from: the subset, the epoch, and the position in the subset.
SUBSET, EPOCH, SHARD, ROW = "__dj_subset__", "__dj_epoch__", "__dj_shard__", "__dj_row__"
_SLOT = "__dj_slot__"
_BATCH_BYTES = 4_000_000
_FILE_BYTES = 64_000_000
# All are open at once.
_MOST_FILES = 500


@dataclass(frozen=True)
class MixedSubset:
    """One subset of a mix: its published run, by the name in the file of the mix."""

    name: str
    layout: Layout
    manifest: RunManifest
    publication: Publication
    # whether lists of media have the bytes of files, which one of the subsets of the mix has
    with_contents: bool = False

    @property
    def samples(self) -> int:
        """Return the number of its samples."""
        return sum(part.samples for part in self.manifest.refined)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield its samples as tables whose column of texts is `text`, and whose media are listed by the usual fields.

        Raises
        ------
        UserError
            If there is no column of texts, another column has one of these names, or a path of media is refused.
        """
        for samples in self._samples():
            batch = with_usual_media(plain(samples.table()), samples.media, self.layout, contents=self.with_contents)
            yield self._with_text(batch)

    @cached_property
    def types(self) -> TableTypes:
        """Return the types of its columns; every file of a subset has the same."""
        schema = next(self.batches()).schema
        # an integer may be one that no float has
        return TableTypes(schema, frozenset(field.name for field in schema if pa.types.is_integer(field.type)))

    @property
    def media_roots(self) -> list[dict[str, object]]:
        """Return where its media are found, for each refined file; empty if its samples list none."""
        samples = next(self._samples())
        if not lists_media(samples.table().schema, samples.media):
            return []
        made = self.layout.made_media
        return [self.manifest.media_root(part.number, made).as_json() for part in self.manifest.refined]

    @property
    def has_contents(self) -> bool:
        """Return whether its samples hold the bytes of media."""
        samples = next(self._samples())
        return holds_contents(plain(samples.table()).schema, samples.media)

    def _samples(self) -> Iterator[Samples]:
        source = RefinedSamples(self.layout, self.manifest, _BATCH_BYTES, table_types(self.layout))
        return (samples for samples, _ in source.after())

    def _with_text(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        key, names = self.manifest.text_keys, batch.schema.names
        if key not in names or (key != TEXT and TEXT in names):
            problem = f"has no column {key}" if key not in names else f"has a column {TEXT} beside its text, {key}"
            raise UserError(f"{self.layout.location}: {problem}; a mix takes subsets whose text is one column")
        return batch.rename_columns([TEXT if name == key else name for name in names])


def write_mixed(
    folder: Path,
    subsets: Sequence[MixedSubset],
    taken: Sequence[Taken],
    slots: Sequence[Numbers],
    found: Sequence[tuple[Numbers, Numbers]],
) -> list[PublishedFile]:
    """Write the taken samples of all subsets to the slots of the mix, as Parquet files in a new folder.

    `found` has file number and row of all samples of each subset.

    The samples of each subset are read once. Each goes into a file that has the samples of one refined file in any
    order; then these are sorted one by one.
    """
    types = reduce(TableTypes.merge, (subset.types for subset in subsets))
    total = sum(map(len, slots))
    bytes_ = sum(
        sum(part.bytes for part in subset.manifest.refined) * len(some.rows) // max(1, subset.samples)
        for subset, some in zip(subsets, taken, strict=True)
    )
    per_file = max(1, -(-total // min(_MOST_FILES, max(1, -(-bytes_ // _FILE_BYTES)))))
    columns = [*(field.with_nullable(True) for field in types.schema if field.name not in _ORIGIN.names), *_ORIGIN]
    schema = pa.schema(columns)
    folder.mkdir()
    unsorted = [folder / f"{number}.arrow" for number in range(max(1, -(-total // per_file)))]
    with ExitStack() as stack:
        files = [stack.enter_context(pa.OSFile(str(path), "wb")) for path in unsorted]
        writers = [stack.enter_context(pa.ipc.new_stream(file, schema.append(_SLOT_FIELD))) for file in files]
        for subset, some, places, positions in zip(subsets, taken, slots, found, strict=True):
            for batch in _placed(subset, some, places, positions, (types.mixed, schema.append(_SLOT_FIELD))):
                number = batch[_SLOT].to_numpy() // per_file
                for at in np.unique(number):
                    writers[at].write_batch(batch.filter(pa.array(number == at)))
    return [_sorted_file(path, number, schema) for number, path in enumerate(unsorted)]


_ORIGIN = pa.schema({SUBSET: pa.string(), EPOCH: pa.int64(), SHARD: pa.int64(), ROW: pa.int64()})
_SLOT_FIELD = pa.field(_SLOT, pa.int64())


def _placed(
    subset: MixedSubset,
    taken: Taken,
    slots: Numbers,
    positions: tuple[Numbers, Numbers],
    form: tuple[frozenset[str], pa.Schema],
) -> Iterator[pa.RecordBatch]:
    """Yield the taken samples in the order of the subset, with their origin and their slots.

    `form` has the columns that become JSON texts, and all columns of the mix.
    """
    mixed, schema = form
    order = np.argsort(taken.rows, kind="stable")
    rows, at = taken.rows[order], 0
    for batch in subset.batches():
        begin, end = np.searchsorted(rows, [at, at + len(batch)])
        chosen = order[begin:end]
        # a sample that is in several epochs is taken several times
        some = batch.take(pa.array(rows[begin:end] - at))
        at += len(batch)
        if not len(some):
            continue
        known = dict(zip(some.schema.names, some.columns, strict=True))
        known |= {
            SUBSET: pa.repeat(subset.name, len(some)),
            EPOCH: pa.array(taken.epochs[chosen]),
            SHARD: pa.array(positions[0][rows[begin:end]]),
            ROW: pa.array(positions[1][rows[begin:end]]),
            _SLOT: pa.array(slots[chosen]),
        }
        arrays = [_column(known.get(field.name), field, len(some), mixed) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(column: pa.Array | None, field: pa.Field, rows: int, mixed: frozenset[str]) -> pa.Array:
    if column is None:
        return pa.nulls(rows, field.type)
    return json_texts(column) if field.name in mixed else in_type(column, field.type)


def _sorted_file(path: Path, number: int, schema: pa.Schema) -> PublishedFile:
    """Write the samples of a file in the order of their slots; remove the unsorted ones."""
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_stream(file).read_all()
        table = table.sort_by(_SLOT).drop_columns([_SLOT])
        name = part_name(number)
        with ParquetFileWriter(path.with_name(name), schema) as writer:
            for batch in table.combine_chunks().to_batches(max_chunksize=8192):
                writer.write(batch)
    path.unlink()
    return PublishedFile(name=name, number=number, samples=len(table), bytes=writer.sum.bytes, crc32=writer.sum.crc32)
