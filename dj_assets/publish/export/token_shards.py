"""Shards of token ids, in the layouts that Megatron-LM, MosaicML's Streaming and litdata read."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, ClassVar

import numpy as np

from dj_assets.publish.export.formats import ExportWriter
from dj_assets.publish.export.samples import Samples
from dj_assets.publish.export.tokens import Tokenizer, Tokens

_MEGATRON_TYPES = {"uint16": 8, "int32": 4}
_SHARD_LIMIT = 2**32 - 1
# Places in litdata's list of the types of NumPy.
_LITDATA_TYPES = {"uint16": 5, "int32": 2}
_ONE_DIMENSION, _SHAPE_OF_4_BYTES = 1, 2


class _TokenWriter(ExportWriter):
    """Count documents and tokens; a subclass writes them."""

    def __init__(self, file: BinaryIO, tokenizer: Tokenizer, length: int) -> None:
        self._file, self._tokenizer, self._length = file, tokenizer, length
        self._counts = {"documents": 0, "tokens": 0}

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of documents and tokens."""
        return self._counts

    def add(self, samples: Samples) -> None:
        """Add the text of each sample as a document."""
        texts = [str(record.get(samples.text_key) or "") for record in samples.records()]
        documents = self._tokenizer.documents(texts)
        self._counts["documents"] += len(documents)
        self._counts["tokens"] += sum(map(len, documents))
        self._write(documents)

    def _write(self, documents: Sequence[Tokens]) -> None:
        raise NotImplementedError


class MegatronWriter(_TokenWriter):
    """Write `.bin`, the token ids of all documents in their order, and `.idx`, where each document begins.

    The layout is that of `megatron.core.datasets.indexed_dataset`, version 1: one sequence for each document.
    """

    def __init__(self, file: BinaryIO, tokenizer: Tokenizer, length: int) -> None:
        super().__init__(file, tokenizer, length)
        self._lengths: list[int] = []

    def _write(self, documents: Sequence[Tokens]) -> None:
        self._lengths += map(len, documents)
        for document in documents:
            self._file.write(document.tobytes())

    @property
    def size(self) -> int:
        """Return the bytes of the samples so far."""
        return self._file.tell()

    def close(self) -> None:
        """Do nothing: every document is written."""

    def companions(self) -> dict[str, bytes]:
        """Return the index."""
        lengths = np.array(self._lengths, "<i4")
        ends = np.cumsum(lengths, dtype="<i8") * self._tokenizer.dtype.itemsize
        starts = np.concatenate([np.zeros(1, "<i8"), ends[:-1]])[: len(lengths)]
        boundaries = np.arange(len(lengths) + 1, dtype="<i8")
        code = _MEGATRON_TYPES[self._tokenizer.dtype.name]
        head = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(lengths), len(boundaries))
        return {".idx": head + lengths.tobytes() + starts.tobytes() + boundaries.tobytes()}


class _SampleWriter(_TokenWriter):
    """Collect samples of tokens, which a subclass encodes, and writes into one shard.

    With a `length`, samples are packed: documents follow each other, and every sample has that many tokens. The tokens
    behind the last full sample of a shard are left out, and counted.
    """

    _layout: ClassVar[str]

    def __init__(self, file: BinaryIO, tokenizer: Tokenizer, length: int) -> None:
        super().__init__(file, tokenizer, length)
        self._samples: list[bytes] = []
        self._bytes = 0
        self._open: list[Tokens] = []
        self._open_tokens = 0

    def _write(self, documents: Sequence[Tokens]) -> None:
        if not self._length:
            for document in documents:
                self._sample(document)
            return
        self._open += documents
        self._open_tokens += sum(map(len, documents))
        whole = self._open_tokens // self._length * self._length
        if whole:
            tokens = np.concatenate(self._open)
            for sample in tokens[:whole].reshape(-1, self._length):
                self._sample(sample)
            self._open, self._open_tokens = [tokens[whole:]], len(tokens) - whole

    def _sample(self, tokens: Tokens) -> None:
        content = tokens.tobytes() if self._length else self._document(tokens)
        self._samples.append(content)
        self._bytes += len(content)

    def _document(self, tokens: Tokens) -> bytes:
        """Return a sample of any number of tokens."""
        raise NotImplementedError

    def _description(self) -> bytes:
        """Return what stands between the places of the samples and the samples."""
        return b""

    @property
    def size(self) -> int:
        """Return the bytes of the samples so far."""
        return self._bytes

    def close(self) -> None:
        """Write the shard: number of samples, where each begins, a description, and the samples."""
        self._counts |= {"samples": len(self._samples), "tokens_left_out": self._open_tokens}
        about = self._description()
        head = 4 + 4 * (len(self._samples) + 1) + len(about)
        ends = np.cumsum([head, *map(len, self._samples)])
        if ends[-1] > _SHARD_LIMIT:
            raise OverflowError(f"a shard of {self._layout} has less than 4 GiB, not {ends[-1]:,} bytes")
        self._file.write(struct.pack("<I", len(self._samples)) + ends.astype("<u4").tobytes() + about)
        self._file.writelines(self._samples)


class MdsWriter(_SampleWriter):
    """Write a shard of MDS, version 2, with one column `tokens`."""

    _layout = "MDS"

    def _document(self, tokens: Tokens) -> bytes:
        content = tokens.tobytes()
        # a column of variable size: its bytes, then an array of one dimension whose length takes four bytes
        head = struct.pack("<IBI", len(content) + 5, _ONE_DIMENSION << 2 | _SHAPE_OF_4_BYTES, len(tokens))
        return head + content

    def _description(self) -> bytes:
        return json.dumps(mds_column(self._tokenizer, self._length), sort_keys=True).encode()


class LitdataWriter(_SampleWriter):
    """Write a chunk of litdata whose items are arrays of tokens.

    Without a `length` its `PyTreeLoader` reads an item as a document. With one its `TokensLoader` reads the chunk as a
    stream of tokens, in blocks of `length`.
    """

    _layout = "litdata"

    def _document(self, tokens: Tokens) -> bytes:
        content = tokens.tobytes()
        return struct.pack("<I", len(content)) + content


def mds_column(tokenizer: Tokenizer, length: int) -> dict[str, Any]:
    """Return the description of a shard whose samples have one column, `tokens`; of `length` tokens, unless it is 0."""
    name = tokenizer.dtype.name
    return {
        "column_encodings": [f"ndarray:{name}:{length}" if length else f"ndarray:{name}"],
        "column_names": ["tokens"],
        "column_sizes": [length * tokenizer.dtype.itemsize if length else None],
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": None,
        "version": 2,
    }


def mds_index(column: dict[str, Any], parts: Sequence[tuple[str, int, int]]) -> bytes:
    """Return `index.json` of shards, given by name, bytes and samples."""
    shards = [
        {**column, "raw_data": {"basename": name, "bytes": size, "hashes": {}}, "samples": samples, "zip_data": None}
        for name, size, samples in parts
    ]
    return json.dumps({"shards": shards, "version": 2}, sort_keys=True).encode()


def litdata_index(tokenizer: Tokenizer, length: int, parts: Sequence[tuple[str, int, int]], version: str) -> bytes:
    """Return litdata's `index.json` of chunks, given by name, bytes and samples.

    Readers keep copies of remote chunks under `version`, the place of litdata's time of the last change.
    """
    chunks = [
        {"chunk_bytes": size, "chunk_size": samples, "dim": samples * length if length else None, "filename": name}
        for name, size, samples in parts
        if samples
    ]
    config = {
        "chunk_bytes": max((size for _, size, _ in parts), default=0),
        "chunk_size": None,
        "compression": None,
        "data_format": [f"no_header_numpy:{_LITDATA_TYPES[tokenizer.dtype.name]}"],
        # the tree of an item that is one leaf, as `torch.utils._pytree` writes it
        "data_spec": json.dumps([1, {"type": None, "context": None, "children_spec": []}]),
        "encryption": None,
        "item_loader": "TokensLoader" if length else "PyTreeLoader",
    }
    return json.dumps({"chunks": chunks, "config": config, "updated_at": version}, sort_keys=True).encode()


_WRITERS: Mapping[str, type[_TokenWriter]] = {"megatron": MegatronWriter, "mds": MdsWriter, "litdata": LitdataWriter}


def open_tokens(format: str, file: BinaryIO, tokenizer: Tokenizer, length: int) -> ExportWriter:
    """Return the writer of a part into an open file, in a format of tokens."""
    return _WRITERS[format](file, tokenizer, length)
