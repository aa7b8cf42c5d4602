"""The raw formats, keyed by name: their file types, and how a file is cut into records and a record made a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dj_assets.sources.blocks import Piece, Reject
from dj_assets.sources.formats import (
    alpaca_cot,
    arxiv,
    llava,
    stackexchange,
    video_captions,
    warc,
    web_pages,
    webdataset,
)
from dj_assets.sources.lines import Overlong
from dj_assets.sources.sources import Format, Reading, SourceFile
from dj_assets.sources.streams import Stream

Cut = Callable[[Stream, SourceFile, int], Iterator[Piece | Overlong | Reject]]
Compose = Callable[[dict[str, object], Reading], dict[str, object]]
Unpack = Callable[[Piece, Reading], dict[str, object]]


@dataclass(frozen=True)
class RawFormat:
    """Hold one raw format.

    Attributes
    ----------
    files
        The types of files of the format.
    cut
        Cuts a stream into records of at most the given number of bytes, in the parent process; None if the files are
        JSON.
    compose
        Makes the record of a sample, with the text under `text`, from a JSON record, in a worker; None if it already is
        one.
    unpack
        Replaces `compose` if the records are not JSON.
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
    "warc": RawFormat(files=("warc",), cut=warc.records, unpack=web_pages.unpack),
    "webdataset": RawFormat(files=("tar",), cut=webdataset.samples),
}
TEXT = "text"
