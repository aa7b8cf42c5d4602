"""The raw formats by name: what each reads, how it cuts a file into records, how a record becomes a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dj_assets.sources.blocks import Piece, Reject
from dj_assets.sources.formats import alpaca_cot, arxiv, llava, stackexchange, video_captions, webdataset
from dj_assets.sources.lines import Overlong
from dj_assets.sources.sources import Format, Reading, SourceFile
from dj_assets.sources.streams import Stream

Cut = Callable[[Stream, SourceFile, int], Iterator[Piece | Overlong | Reject]]
Compose = Callable[[dict[str, Any], Reading], dict[str, Any]]
Unpack = Callable[[Piece, Reading], dict[str, Any]]


@dataclass(frozen=True)
class RawFormat:
    """One raw format.

    Attributes
    ----------
    files
        The kinds of files it is found in.
    cut
        The parent process cuts a stream into records of at most so many bytes; None where the files are JSON.
    compose
        A worker makes the record of a sample, with the text under `text`, of a JSON record; None where it is one.
    unpack
        In place of `compose`, where the records are no JSON.
    """

    files: tuple[Format, ...]
    cut: Cut | None = None
    compose: Compose | None = None
    unpack: Unpack | None = None


RAW_FORMATS: Mapping[str, RawFormat] = {
    "alpaca_cot": RawFormat(files=("json", "jsonl"), compose=alpaca_cot.compose),
    "arxiv": RawFormat(files=("tar",), cut=arxiv.members, unpack=arxiv.unpack),
    "llava": RawFormat(files=("json", "jsonl"), compose=llava.compose),
    "stackexchange": RawFormat(files=("xml",), cut=stackexchange.threads),
    "video_captions": RawFormat(
        files=("json", "jsonl", "csv", "tsv"), cut=video_captions.clips, compose=video_captions.compose
    ),
    "webdataset": RawFormat(files=("tar",), cut=webdataset.samples),
}
TEXT = "text"
