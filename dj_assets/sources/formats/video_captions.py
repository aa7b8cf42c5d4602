"""Annotations of clips as published by InternVid, Panda-70M, MSR-VTT and Pexels: a sample is a clip and its caption."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from dj_assets.errors import SourceError
from dj_assets.settings import BATCH_BYTES
from dj_assets.sources.blocks import Piece, RefusedError, Reject, lines_of, refuse
from dj_assets.sources.cells import DELIMITERS, CellSplitter, cells_of
from dj_assets.sources.elements import ElementSplitter, layout_of
from dj_assets.sources.json_records import NoTextError
from dj_assets.sources.lines import LineSplitter, Overlong
from dj_assets.sources.sources import Reading, SourceFile
from dj_assets.sources.streams import Stream

VIDEO = "<__dj__video>"
END = "<|__dj__eoc|>"
# Names of the fields with the caption and the file of a clip, as used by publishers and common tools.
CAPTIONS = ("caption", "Caption", "sentence", "title")
FILES = ("video", "video_path", "path", "file", "filename", "content_loc")

Record = dict[str, Any]
Found = Piece | Overlong | Reject


def clips(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Found]:
    """Yield one JSON record per clip from annotations in JSON, JSON lines, CSV or TSV; rows number the clips.

    A row of Panda-70M is a video with lists of its clips' times and captions; it gives one record per clip. MSR-VTT's
    file is one object with `videos` and `sentences`: every video gets its first sentence, in the order of the videos.

    Raises
    ------
    SourceError
        If the header of a table cannot be read.
    """
    number = itertools.count()
    for record in _records(stream, file, max_bytes):
        if isinstance(record, Overlong):
            yield record._replace(at=record.at._replace(row=next(number)))
        elif isinstance(record, Reject):
            yield Reject(next(number), record.id, record.dropped, record.error)
        else:
            yield from _clips_of(record, file, number)


def compose(record: Record, reading: Reading) -> Record:  # noqa: ARG001
    """Return the record of a clip with its caption as text and its file as a list of one; its own fields stay.

    The text is the token of a clip, the caption and the token for the end of a chunk, with one space between them. If
    no field names the file, the name is that of the publishers' tools, see `clip_name`. A record that has a text is
    returned unchanged.

    Raises
    ------
    NoTextError
        If it has no caption.
    RefusedError
        If the caption is not a string, or no field identifies the file.
    """
    if isinstance(record.get("text"), str):
        return record
    key = next((key for key in CAPTIONS if key in record), None)
    if key is None:
        raise NoTextError(f"none of the keys {', '.join(CAPTIONS)}", None, tuple(record))
    caption = record[key]
    if caption is None:
        raise NoTextError("no caption", None, None)
    if not isinstance(caption, str):
        raise RefusedError(f"'{key}' is no string,", has_key=True)
    name = next((str(record[key]) for key in FILES if record.get(key)), None) or clip_name(record)
    if name is None:
        raise RefusedError("no field tells which file the clip is,", has_key=True)
    return {**record, "text": f"{VIDEO} {caption} {END}", "videos": [name]}


def clip_name(record: Mapping[str, object]) -> str | None:
    """Return the file name of a clip by its publisher's ids, None if they are missing.

    InternVid: `<YoutubeID>_<Start_timestamp>_<End_timestamp>.mp4`. Panda-70M: `<videoID>_<clip>.mp4`, with the clips of
    a video counted from 0. MSR-VTT: `<video_id>.mp4`.
    """
    for keys in _IDS:
        if all(record.get(key) is not None for key in keys):
            return "_".join(str(record[key]) for key in keys) + ".mp4"
    return None


_CLIP = "clip"
# The lists of Panda-70M with an element for each clip.
_PANDA_LISTS = ("timestamp", "caption", "matching_score", "desirable_filtering", "shot_boundary_detection")
_IDS = (("YoutubeID", "Start_timestamp", "End_timestamp"), ("videoID", _CLIP), ("video_id",))


def _records(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Found]:
    if file.format in DELIMITERS:
        yield from _rows(stream, file, max_bytes)
        return
    layout = layout_of(stream) if file.format == "json" else "lines"
    if layout != "lines":
        yield from ElementSplitter(stream, layout, BATCH_BYTES, max_bytes)
        return
    for run in LineSplitter(stream, BATCH_BYTES, max_bytes):
        yield from [run] if isinstance(run, Overlong) else lines_of(run.payload, run.first_row, run.first_byte)


def _rows(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Found]:
    splitter = CellSplitter(stream, file.path.name, DELIMITERS[file.format], BATCH_BYTES, max_bytes)
    try:
        header = splitter.header()
    except SourceError as error:
        raise SourceError(f"{file.path}: {error}") from None
    for row in splitter if header else ():
        if header is None or not isinstance(row, Piece):
            yield row
            continue
        try:
            cells = cells_of(row.raw, header.delimiter, len(header.columns))
        except RefusedError as refused:
            yield refuse(row, file.path.name, refused.problem)
        else:
            yield row._replace(raw=orjson.dumps(dict(zip(header.columns, cells, strict=True))))


def _clips_of(piece: Piece, file: SourceFile, number: Iterator[int]) -> Iterator[Piece | Reject]:
    """Yield the clips of one record; a record that is not an object is yielded unchanged, and refused by the parser."""
    try:
        record = orjson.loads(piece.raw)
    except orjson.JSONDecodeError:
        record = None
    expand = next((expand for keys, expand in _EXPANDED if isinstance(record, dict) and keys <= record.keys()), None)
    if expand is None:
        yield piece._replace(row=next(number))
        return
    try:
        for clip in expand(record):
            yield piece._replace(row=next(number), raw=orjson.dumps(clip))
    except RefusedError as refused:
        yield refuse(piece._replace(row=next(number)), file.path.name, refused.problem)


def _panda(record: Record) -> Iterable[Record]:
    """Return the clips of a source video; each clip gets its element of every list."""
    lists = {key: value for key in record if isinstance(value := _listed(record[key]), list)}
    broken = next((key for key in _PANDA_LISTS if key in record and key not in lists), None)
    if broken is not None:
        raise RefusedError(f"'{broken}' is no list that can be read,")
    clips = len(lists.get("timestamp", ()))
    if not clips or any(len(values) != clips for values in lists.values()):
        raise RefusedError("the lists of its clips differ in length,")
    return [{**record, **{key: values[clip] for key, values in lists.items()}, _CLIP: clip} for clip in range(clips)]


def _listed(value: object) -> object:
    """Return the list whose Python literal a table contains; return any other value unchanged."""
    if not (isinstance(value, str) and value.startswith("[") and value.endswith("]")):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def _msr_vtt(record: Record) -> Iterable[Record]:
    """Return the videos of the data set, each with its first sentence."""
    videos, sentences = record["videos"], record["sentences"]
    try:
        first = {sentence["video_id"]: sentence["caption"] for sentence in reversed(sentences)}
        return [{**video, "caption": first.get(video["video_id"])} for video in videos]
    except (TypeError, KeyError, AttributeError):
        raise RefusedError("'videos' and 'sentences' are not those of MSR-VTT,") from None


_EXPANDED: tuple[tuple[frozenset[str], Callable[[Record], Iterable[Record]]], ...] = (
    (frozenset({"videoID", "timestamp", "caption"}), _panda),
    (frozenset({"videos", "sentences"}), _msr_vtt),
)
