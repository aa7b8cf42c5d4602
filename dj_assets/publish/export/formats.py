"""The formats of a part: JSON lines, Parquet, a tar of samples (WebDataset), and the JSON of LLaVA and of Img-Diff."""

from __future__ import annotations

import io
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, BinaryIO, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from dj_assets.errors import UserError
from dj_assets.home.writing import open_parquet
from dj_assets.publish.export.exported_media import MediaFile
from dj_assets.publish.export.samples import Samples
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.sources.column_types import plain
from dj_assets.sources.fields import ID, SAMPLE_NAME
from dj_assets.sources.formats.llava import to_llava

FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
TOKEN_FORMATS = frozenset({"megatron", "mds", "litdata"})
# Their samples can have one number of tokens each.
PACKED_FORMATS = frozenset({"mds", "litdata"})
TABLE_FORMATS = frozenset({"parquet", "huggingface"})

# The field of both pictures of a record of Img-Diff, and the fields that are published, in their order.
MARKED_IMAGES = "marked_images"
_PUBLISHED = ("conversations", "bbox", "captions1", "captions2", "path")
_SIDES = (0, 1)

_ROW_GROUP_BYTES = 32 * 1024 * 1024
_ZSTD_LEVEL = 10


class ExportWriter(ABC):
    """Write one part, sample by sample, until it is large enough."""

    @abstractmethod
    def add(self, samples: Samples) -> None:
        """Add samples."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Return the bytes written so far, without buffered ones."""

    @abstractmethod
    def close(self) -> None:
        """Write the buffered samples and finish the file."""

    def companions(self) -> Mapping[str, bytes]:
        """Return the files that belong to the part, by their endings; after it is closed."""
        return {}

    def pictures(self) -> Mapping[str, bytes]:
        """Return the pictures that belong to the part, by their names; after it is closed."""
        return {}

    @property
    def counts(self) -> Mapping[str, int]:
        """Return what else the part has, by name; after it is closed."""
        return {}


class _Lines(ExportWriter):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, samples: Samples) -> None:
        self._file.write(b"".join(samples.lines()))

    @property
    def size(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        """Do nothing: every line is written."""


class _CompressedLines(_Lines):
    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._out = file
        self._frame = zstandard.ZstdCompressor(_ZSTD_LEVEL, write_checksum=True).stream_writer(file, closefd=False)
        super().__init__(self._frame)

    def add(self, samples: Samples) -> None:
        super().add(samples)
        self._frame.flush()

    @property
    def size(self) -> int:
        return self._out.tell()

    def close(self) -> None:
        self._frame.close()  # type: ignore[no-untyped-call]


class _Parquet(ExportWriter):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0

    def add(self, samples: Samples) -> None:
        batch = samples.table()
        if self._writer is None:
            self._writer = open_parquet(self._file, batch.schema)
        self._pending.append(plain(batch))
        self._pending_bytes += self._pending[-1].nbytes
        if self._pending_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    @property
    def size(self) -> int:
        # pending batches will take about a third of their size
        return self._file.tell() + self._pending_bytes // 3

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if self._pending and self._writer is not None:
            self._writer.write_table(pa.Table.from_batches(self._pending))
        self._pending, self._pending_bytes = [], 0


class _Tar(ExportWriter):
    """Write a sample as the files of one key: `KEY.txt`, `KEY.json` with all other fields, and its media.

    A single image is `KEY.jpg` (with the ending of the file), several are `KEY.0.jpg`, `KEY.1.jpg`. Keys are numbers,
    counted through all parts. Times and owners are left out, so the same samples always give the same bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by close

    def add(self, samples: Samples) -> None:
        """Add the files of every sample."""
        for number, record in enumerate(samples.records(), samples.first):
            key = f"{number:09d}"
            text = record.pop(samples.text_key, None)
            files = samples.media.files(record)
            if isinstance(text, str):
                self._add(f"{key}.txt", len(text.encode()), io.BytesIO(text.encode()))
            content = samples.dump(samples.media.without_contents(record) if files else record)
            self._add(f"{key}.json", len(content), io.BytesIO(content))
            for location, file in enumerate(files):
                name = f"{key}.{file.ending}" if len(files) == 1 else f"{key}.{location}.{file.ending}"
                with file.location.open() as opened:
                    self._add(name, file.location.file_bytes, opened)

    @property
    def size(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._tar.close()

    def _add(self, name: str, size: int, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = size
        self._tar.addfile(entry, content)


class _Array(ExportWriter):
    """Write a JSON array with one value for each sample."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = b"[\n"

    def write(self, value: bytes) -> None:
        """Write the value of the next sample."""
        self._file.write(self._before + value)
        self._before = b",\n"

    @property
    def size(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")


class _LabelStudio(_Array):
    """Write tasks as Label Studio imports them: an object `data` with the fields of the sample that people can read."""

    def add(self, samples: Samples) -> None:
        for record in samples.records():
            shown = {name: value for name, value in record.items() if isinstance(value, str | int | float)}
            self.write(samples.dump({"data": shown}))


class _Llava(_Array):
    """Write conversations, as LLaVA publishes them; the cleaned captions are the answers."""

    def add(self, samples: Samples) -> None:
        for record in samples.records():
            text, name = record.get(samples.text_key), record.pop(SAMPLE_NAME, None)
            # LLaVA's format has an id for every record
            named = {ID: name} | {key: value for key, value in record.items() if value is not None}
            conversation = to_llava({**named, "text": text})
            self.write(samples.dump(conversation))


class _ImgDiff(_Array):
    """Write the records of Img-Diff as they are published: conversations, box and captions.

    `path` is the common name of the two pictures of a record, `<path>_0.jpg` and `<path>_1.jpg` in the same folder.
    They are those that the field `marked_images` lists.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._pictures: dict[str, bytes] = {}

    def add(self, samples: Samples) -> None:
        media = replace(samples.media, images=MARKED_IMAGES)
        for record in samples.records():
            name, path = record.get(SAMPLE_NAME, record.get(ID)), record.get("path")
            files = media.files({MARKED_IMAGES: record.get(MARKED_IMAGES), ID: name})
            if not isinstance(path, str) or len(files) != len(_SIDES) or not record.get("conversations"):
                raise UserError(
                    f"sample {name} has no record of Img-Diff; the format img_diff needs a subset whose recipe ends "
                    "with img_diff_difference_mapper or img_diff_removal_question_mapper"
                )
            for side, file in zip(_SIDES, files, strict=True):
                self._pictures[f"{path}_{side}.jpg"] = _jpeg(file, name)
            self.write(samples.dump({key: record[key] for key in _PUBLISHED if record.get(key) is not None}))

    @property
    def size(self) -> int:
        return self._file.tell() + sum(map(len, self._pictures.values()))

    def pictures(self) -> Mapping[str, bytes]:
        return self._pictures


def _jpeg(file: MediaFile, sample: object) -> bytes:
    with file.location.open() as opened:
        content = opened.read()
    if not content.startswith(b"\xff\xd8\xff"):
        raise UserError(
            f"{file.listed} of sample {sample}: is no JPEG file, which the format img_diff needs; "
            "set image_format: jpg in the recipe"
        )
    return content


_TOKEN_ENDINGS: Mapping[str, str] = {"megatron": ".bin", "mds": ".mds", "litdata": ".bin"}
_OPENERS: Mapping[str, tuple[str, Callable[[BinaryIO], ExportWriter]]] = {
    "jsonl": (".jsonl", _Lines),
    "jsonl.zst": (".jsonl.zst", _CompressedLines),
    "parquet": (".parquet", _Parquet),
    "huggingface": (".parquet", _Parquet),
    "webdataset": (".tar", _Tar),
    "llava": (".json", _Llava),
    "label_studio": (".json", _LabelStudio),
    "img_diff": (".json", _ImgDiff),
}


def ending(format: ExportFormat) -> str:
    """Return the ending of the names of parts."""
    return _TOKEN_ENDINGS.get(format) or _OPENERS[format][0]


def open_part(format: ExportFormat, file: BinaryIO) -> ExportWriter:
    """Return the writer of a part into an open file, in a format of samples; see `token_shards` for those of tokens."""
    return _OPENERS[format][1](file)
