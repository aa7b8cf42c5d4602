"""Media that name other files and addresses, for every way in which FFmpeg can be made to follow them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path


def playlists(url: str, outside: Path) -> Mapping[str, bytes]:
    """Return hostile clips by name: their content asks for a URL, for a file outside of the media root, for a port."""
    segment = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.0,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet><Representation>'
        "<BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    sdp = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )
    texts = {
        "hls_http": segment.format(url),
        "hls_file": segment.format(outside),
        "hls_file_url": segment.format(f"file://{outside}"),
        "hls_crypto": segment.format(f"crypto:{url}"),
        "hls_concat": segment.format(f"concat:{outside}|{url}"),
        "hls_subfile": segment.format(f"subfile,,start,0,end,9999,,:{outside}"),
        "hls_data": segment.format("data:video/mp4;base64,AAAA"),
        "hls_after_mark": "\ufeff" + segment.format(url),
        "dash_http": dash.format(url),
        "dash_file": dash.format(outside),
        "sdp": sdp,
        "concat": f"ffconcat version 1.0\nfile '{outside}'\n",
        "concat_http": f"ffconcat version 1.0\nfile '{url}'\n",
        "rtsp": f"[Reference]\nRef1={url.replace('http', 'rtsp')}\n",
        "smil": f'<smil><body><video src="{url}"/></body></smil>',
        "list": f"file '{outside}'\n",
        "pattern": "img%03d.png",
    }
    return {
        **{f"{name}.mp4": text.encode() for name, text in texts.items()},
        "riff_hls.avi": b"RIFF\xff\xff\xff\xffAVI LIST" + segment.format(url).encode(),
        "packets_sdp.ts": (b"G" + b"\n" + sdp.encode()).ljust(188, b"\n") * 8,
        "external.mov": _external_movie(outside),
    }


def _external_movie(outside: Path) -> bytes:
    """Return a QuickTime movie whose data reference is the path of another file."""
    alias = b"\x00" * 4 + b"alis" + str(outside).encode().ljust(200, b"\x00")
    reference = _box(b"dref", b"\x00\x00\x00\x00\x00\x00\x00\x01" + _box(b"alis", b"\x00\x00\x00\x00" + alias))
    entry = b"mp4v" + b"\x00" * 6 + b"\x00\x01" + b"\x00" * 16 + struct.pack(">HH", 64, 48) + b"\x00" * 50
    tables = [
        _full(b"stsd", struct.pack(">II", 1, len(entry) + 4) + entry),
        _full(b"stts", struct.pack(">III", 1, 1, 1)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full(b"stsz", struct.pack(">II", 100, 1)),
        _full(b"stco", struct.pack(">II", 1, 0)),
    ]
    table = _box(b"stbl", b"".join(tables))
    handler = _box(b"hdlr", b"\x00" * 4 + b"mhlrvide" + b"\x00" * 13)
    media = _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 1000, 1000, 0, 0)) + handler
    media += _box(b"minf", _box(b"vmhd", b"\x00" * 12) + _box(b"dinf", reference) + table)
    header = _box(b"tkhd", struct.pack(">IIIIII", 7, 0, 0, 1, 0, 1000).ljust(84, b"\x00"))
    movie = _box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 1000).ljust(100, b"\x00"))
    track = _box(b"trak", header + _box(b"mdia", media))
    return _box(b"ftyp", b"qt  \x00\x00\x00\x00qt  ") + _box(b"moov", movie + track)


def _full(kind: bytes, content: bytes) -> bytes:
    return _box(kind, b"\x00" * 4 + content)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content
