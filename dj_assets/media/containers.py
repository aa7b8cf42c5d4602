"""Recognise containers that may be decoded by their first bytes, before any decoder reads the file.

A playlist, a manifest, a session description or a concat script names other files and addresses, and FFmpeg opens them.
The name of a file is no evidence: FFmpeg reads the content, and so does this module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from dj_assets.errors import MediaError
from dj_assets.media.file_formats import named
from dj_assets.media.handed import Content

if TYPE_CHECKING:
    from av.container import InputContainer

# Every signature is within this number of bytes; that of a transport stream needs four packets.
HEAD_BYTES = 4096
# Names of FFmpeg's demuxers that read a single file only.
DEMUXERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "ogg", "asf", "gif", "apng", "ivf"),
    *("h264", "hevc", "m4v", "obu", "mjpeg", "mxf", "nut", "dv", "yuv4mpegpipe", "rm", "wtv"),
)
# The same for files that hold a sound and no frames.
SOUND_DEMUXERS = ("wav", "w64", "mp3", "aac", "flac", "aiff", "amr", "caf", "au", "ac3", "eac3", "wv")
# Options of FFmpeg's `avformat_open_input`: which demuxers it may choose, and how files are opened.
OPEN_OPTIONS: Mapping[str, str] = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"}

_BOXES = rb"ftyp|moov|mdat|free|skip|wide|pnot|moof|styp|sidx|uuid|junk|udta|pict|prfl|ediw"
_SIGNATURES = re.compile(
    rb"(?:.{4}(?:" + _BOXES + rb")"  # MP4, QuickTime
    rb"|\x1a\x45\xdf\xa3"  # Matroska, WebM
    rb"|RIFF.{4}AVI[ X\x19]|RF64|ON2 "  # AVI
    rb"|\x00*\x00\x00\x01"  # MPEG program and elementary streams, H.264, HEVC, MPEG-4
    rb"|FLV|OggS|\x30\x26\xb2\x75\x8e\x66\xcf\x11|GIF8[79]a|\x89PNG\r\n\x1a\n"  # Flash, Ogg, ASF, GIF, APNG
    rb"|DKIF|\x12\x00|\xff\xd8\xff|\x06\x0e\x2b\x34\x02\x05"  # IVF, AV1, MJPEG, MXF
    rb"|nut/multimedia container|\x1f\x07\x00|YUV4MPEG2 |\.RMF"  # NUT, DV, YUV4MPEG, RealMedia
    rb"|\xb7\xd8\x00\x20\x37\x49\xda\x11"  # WTV
    rb")",
    re.DOTALL,
)
_SOUND_SIGNATURES = re.compile(
    rb"(?:RIFF.{4}WAVE|RF64.{4}WAVE|riff\x2e\x91\xcf\x11"  # WAV, Wave64
    rb"|ID3[\x02-\x04]|\xff[\xe0-\xfe]|fLaC|\x0b\x77|wvpk"  # MP3 and AAC, FLAC, AC-3, WavPack
    rb"|FORM.{4}AIF[FC]|#!AMR|caff\x00\x01|\.snd"  # AIFF, AMR, Core Audio, AU
    rb")",
    re.DOTALL,
)
# The entry of a table of samples in MP4 and QuickTime, and the codec of a track in Matroska.
_CODEC_MARKS = re.compile(rb"stsd.{12}([ -~]{4})|(V_[A-Z0-9_/]{2,30})", re.DOTALL)
_HEADERS_BYTES = 1 << 20
# A packet of a transport stream starts with 0x47; some have a time stamp before it or a checksum after it.
_PACKET_SIZES = (188, 192, 204)
_SYNC, _PACKETS = 0x47, 4
_TRANSPORT_STREAM = "mpegts"
# The path to the data references of a movie, their kinds, and a limit on boxes that no valid file reaches.
_BOXES_OF_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf"})
_REFERENCES = frozenset({b"alis", b"url ", b"urn ", b"rsrc"})
_MOST_BOXES = 100_000
_NAMES_OTHERS: Mapping[str, re.Pattern[bytes]] = {
    "an HLS playlist": re.compile(rb"#EXTM3U"),
    "a DASH manifest": re.compile(rb"(?s).{0,2048}<MPD\b"),
    "a session description (SDP)": re.compile(rb"v=0\b|(?s:.{0,2048})^c=IN IP", re.MULTILINE),
    "a concat script": re.compile(rb"ffconcat|file\s"),
    "a playlist": re.compile(rb"(?i)\[playlist\]|\[Reference\]|rtsp://|<smil|<asx"),
}


def require_container(content: IO[bytes]) -> str | None:
    """Read the first bytes of a clip and make sure that they start a container that may be decoded.

    Return the name of its demuxer if FFmpeg fails to recognise short files of it: a transport stream, else None.

    Raises
    ------
    MediaError
        If they do not. The reason names the kind of file that refers to other files.
    """
    head = content.read(HEAD_BYTES)
    if _SIGNATURES.match(head):
        if head[4:8].isalnum() and any(_external_references(content)):
            raise MediaError("is no clip that can be read: it is a movie whose frames are in other files")
        return None
    if _is_transport_stream(head):
        return _TRANSPORT_STREAM
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    kind = next((kind for kind, pattern in _NAMES_OTHERS.items() if pattern.match(text)), None)
    if kind is not None:
        raise MediaError(f"is no clip that can be read: it is {kind}, which names other files")
    raise MediaError(f"is no clip that can be read{named(head) or ': it starts like no container that is decoded'}")


@contextmanager
def open_sound(content: Content) -> Iterator[InputContainer]:
    """Open a sound, or the sound of a clip, by PyAV, after its first bytes were checked, and close it again.

    Raises
    ------
    MediaError
        If it is no container that may be decoded, or PyAV cannot read its header.
    """
    import av

    with content.open() as file:
        demuxer = None if _SOUND_SIGNATURES.match(file.read(HEAD_BYTES)) else _container_of_sound(file)
        file.seek(0)
        options = {**OPEN_OPTIONS, "format_whitelist": ",".join((*DEMUXERS, *SOUND_DEMUXERS))}
        try:
            opened = av.open(file, "r", demuxer, container_options=options, metadata_errors="replace")
        except av.FFmpegError as error:
            raise MediaError(f"is no sound that can be read: {error.strerror}") from None
        with opened:
            yield opened


def _container_of_sound(file: IO[bytes]) -> str | None:
    file.seek(0)
    try:
        return require_container(file)
    except MediaError as error:
        raise MediaError(str(error).replace("is no clip", "is no sound", 1)) from None


@contextmanager
def open_container(content: Content) -> Iterator[InputContainer]:
    """Open a clip by PyAV, after its first bytes were checked, and close it again.

    Raises
    ------
    MediaError
        If it is no container that may be decoded, PyAV cannot read its header, or no library here knows its codec.
    """
    import av

    with content.open() as file:
        demuxer = require_container(file)
        file.seek(0)
        try:
            opened = av.open(file, "r", demuxer, container_options=dict(OPEN_OPTIONS), metadata_errors="replace")
        except av.FFmpegError as error:
            raise MediaError(f"is no clip that can be read: {error.strerror}") from None
        with opened:
            if opened.streams.video and all(stream.codec_context is None for stream in opened.streams.video):
                raise MediaError(f"has a video stream whose codec is not known here{_codec_marks(file)}")
            yield opened


def _codec_marks(content: IO[bytes]) -> str:
    """Return the marks of codecs in the headers of MP4, QuickTime or Matroska, in brackets; empty if none is found."""
    end = content.seek(0, os.SEEK_END)
    content.seek(0)
    headers = content.read(_HEADERS_BYTES)
    content.seek(max(len(headers), end - _HEADERS_BYTES))
    marks = [b"".join(mark).decode("ascii", "replace") for mark in _CODEC_MARKS.findall(headers + content.read())]
    return f" ({', '.join(dict.fromkeys(marks))})" if marks else ""


def _external_references(content: IO[bytes]) -> Iterator[bytes]:
    """Yield the data references of a QuickTime movie that name other files; MP4 inherited them."""
    content.seek(0)
    yield from _references(content, content.seek(0, os.SEEK_END))


def _references(content: IO[bytes], end: int, start: int = 0) -> Iterator[bytes]:
    for _ in range(_MOST_BOXES):
        content.seek(start)
        head = content.read(16)
        if len(head) < 8:
            return
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:], "big"), 16
        size = size or end - start
        if size < header or start + size > end:
            return
        if kind in _BOXES_OF_BOXES:
            yield from _references(content, start + size, start + header)
        elif kind == b"dref":
            # version, flags and the number of entries come first
            yield from _references(content, start + size, start + header + 8)
        elif kind in _REFERENCES:
            content.seek(start + header)
            flags = content.read(4)
            # the first flag means that the frames are in this file
            if len(flags) == 4 and not flags[3] & 1 and size > header + 4:
                yield kind
        start += size


def _is_transport_stream(head: bytes) -> bool:
    """Return whether packets follow each other at a constant distance; the first may be cut off."""
    return any(
        all(head[start + size * n : start + size * n + 1] == b"\x47" for n in range(_PACKETS))
        for size in _PACKET_SIZES
        for start in range(min(size, max(0, len(head) - size * (_PACKETS - 1))))
        if head[start] == _SYNC
    )
