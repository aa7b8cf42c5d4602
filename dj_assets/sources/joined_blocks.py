"""Blocks of many small files that become one block, in which every record keeps the name of its file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pyarrow as pa

from dj_assets.sources.arrow_types import shared_metadata
from dj_assets.sources.blocks import Block, Header, Origin, Piece, Reject


@dataclass
class JoinedBlocks:
    """Collect the blocks of joined files until they are yielded as one block.

    `size` is the number of bytes of their records.
    """

    file_number: int
    pieces: list[Piece] = field(default_factory=list)
    tables: list[pa.RecordBatch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    size: int = 0
    header: Header | None = None
    schema: pa.Schema | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether no block was added since the last one was yielded."""
        return not (self.pieces or self.tables or self.rejects)

    def takes(self, block: Block) -> bool:
        """Return whether the records of a block can be joined with those that are waiting: the columns are the same."""
        if self.is_empty:
            return True
        if block.schema is None or self.schema is None:
            return block.schema is self.schema and block.header == self.header
        same: bool = block.schema.remove_metadata().equals(self.schema.remove_metadata(), check_metadata=True)
        return same

    def add(self, block: Block, origin: Origin) -> None:
        """Add a block of one file."""
        if self.is_empty:
            self.header, self.schema = block.header, block.schema
        if isinstance(block.payload, pa.RecordBatch):
            self.tables.append(block.payload.replace_schema_metadata(None))
            self.size += block.payload.nbytes
            assert self.schema is not None and block.schema is not None  # noqa: S101 - tables have a schema
            self.schema = self.schema.with_metadata(shared_metadata(self.schema.metadata, block.schema.metadata))
        else:
            found = [piece._replace(file=origin.file, start=origin.start) for piece in block.pieces()]
            self.pieces += found
            self.size += sum(len(piece.raw) for piece in found)
        self.rejects += [replace(reject, row=origin.start + reject.row) for reject in block.rejects]
        if origin not in self.origins[-1:]:
            self.origins.append(origin)

    def joined(self, file_bytes: int) -> Block:
        """Return everything that is waiting as one block, after `file_bytes` of all files; nothing waits then."""
        block = Block(
            self.file_number,
            self._first_row(),
            0,
            pa.concat_batches(self.tables) if self.tables else tuple(self.pieces),
            file_bytes,
            tuple(self.rejects),
            self.header,
            self.schema,
            origins=tuple(self.origins) if self.header or self.tables else (),
        )
        self.pieces, self.tables, self.rejects, self.origins = [], [], [], []
        self.size = 0
        return block

    def _first_row(self) -> int:
        if self.tables:
            return self.origins[0].start
        return min([piece.whole_row for piece in self.pieces[:1]] + [reject.row for reject in self.rejects[:1]])
