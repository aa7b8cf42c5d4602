"""The pages of a web crawl: the text of a record of a WARC file, taken out of its HTML where it is HTML."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException, parse_headers

import pyarrow as pa

from dj_assets.errors import SampleError
from dj_assets.operators.kinds.html import check_cost, walk
from dj_assets.settings import max_record_bytes
from dj_assets.sources.blocks import Piece, RefusedError, invalid_utf8
from dj_assets.sources.formats.warc import EXTRACTED, header_of
from dj_assets.sources.json_records import NoTextError
from dj_assets.sources.sources import Reading

# A page of more HTML is refused: its tree takes about ten times as much memory.
MOST_HTML_BYTES = 16 << 20
# Elements within each other; pages that people read have less than a hundred.
MOST_DEPTH = 3000

_HTML = {"text/html", "application/xhtml+xml"}
_MADE_UP = {"", "application/octet-stream", "unknown/unknown"}
_OK = 200
_STATUS = re.compile(rb"HTTP/[\d.]+ +(\d{3})\b")
_CHUNK = re.compile(rb"\s*([0-9a-fA-F]{1,8})[^\n]*\r?\n")
_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


def unpack(piece: Piece, reading: Reading) -> dict[str, object]:  # noqa: ARG001 - the form of all raw formats
    """Return a page as a record: `id`, `text`, and `meta` with `url`, `date`, `content_type` and `languages`.

    The text of HTML is its main content, without navigation and the like, as resiliparse finds it (Bevendorff et al.
    2018). A record of extracted text (WET) stays as it is.

    Raises
    ------
    NoTextError
        If the record has no text: another type of content, another status than 200, or nothing but markup.
    RefusedError
        If it cannot be decoded, or is too large.
    """
    header = header_of(piece.raw)
    content = piece.raw[header.size :]
    own_id = header.fields.get("warc-record-id", "").strip("<>") or None
    meta = {
        "url": header.fields.get("warc-target-uri", "").strip("<>"),
        "date": header.fields.get("warc-date", ""),
        "content_type": _type_of(header.fields.get("content-type", "")),
    }
    if languages := header.fields.get("warc-identified-content-language"):
        meta["languages"] = languages
    try:
        if header.kind == EXTRACTED:
            text = _decoded(content)
        else:
            text = _fetched(content, header.fields.get("content-type", ""), meta)
    except RefusedError as refused:
        refused.own_id = refused.own_id or own_id
        refused.has_key = True
        raise
    return {**({"id": own_id} if own_id else {}), "text": text, "meta": meta}


def _fetched(content: bytes, of_record: str, meta: dict[str, str]) -> str:
    """Return the text of a record that was fetched; its type of content is written to `meta`."""
    charset = None
    if of_record.lower().startswith("application/http"):
        headers, content = _of_http(content)
        meta["content_type"] = _type_of(headers.get("Content-Type", ""))
        charset = headers.get_content_charset()
        content = _without_transfer(content, headers)
    kind = meta["content_type"]
    if kind in _HTML or (kind in _MADE_UP and _LOOKS_LIKE_HTML.match(content)):
        return _main_text(content, charset)
    if kind == "text/plain":
        return _text_of(content, charset)
    raise NoTextError(f"no text, but {kind[:100] or 'an unknown type of content'}", None, None)


def _of_http(content: bytes) -> tuple[Message, bytes]:
    """Return the header and the body of an HTTP response."""
    raw = io.BytesIO(content)
    line = raw.readline(1 << 16)
    status = _STATUS.match(line)
    if status is None:
        raise RefusedError("damaged record: no response of HTTP")
    if int(status[1]) != _OK:
        raise NoTextError(f"no page: the server answered with status {int(status[1])}", None, None)
    try:
        headers = parse_headers(raw)
    except HTTPException as error:
        raise RefusedError(f"damaged record: a header of HTTP that cannot be read ({type(error).__name__})") from None
    return headers, raw.read()


def _without_transfer(body: bytes, headers: Message) -> bytes:
    """Return the body without the encodings of its transfer; a body that was decoded before stays as it is."""
    if headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
        body = _without_chunks(body)
    for name in reversed(headers.get("Content-Encoding", "").lower().split(",")):
        unpack_it = _UNPACK.get(name.strip())
        if unpack_it is not None:
            body = unpack_it(body)
    return body


def _without_chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while (size := _CHUNK.match(body, at)) is not None:
        end = size.end() + int(size[1], 16)
        if size.end() == end:
            return b"".join(parts)
        parts.append(body[size.end() : end])
        at = end
        if end > len(body) or body[end : end + 2].strip(b"\r\n"):
            break
    return b"".join(parts) if parts else body


def _gunzipped(body: bytes) -> bytes:
    return body if not body.startswith(b"\x1f\x8b") else _inflated(body, 16 + zlib.MAX_WBITS)


def _of_deflate(body: bytes) -> bytes:
    # servers send it with and without the header of zlib
    return _inflated(body, zlib.MAX_WBITS if body[:1] == b"\x78" else -zlib.MAX_WBITS)


def _inflated(body: bytes, window: int) -> bytes:
    member = zlib.decompressobj(window)
    try:
        content = member.decompress(body, max_record_bytes())
    except zlib.error as error:
        raise RefusedError(f"the body cannot be unpacked ({error})") from None
    return _within(content, more=bool(member.unconsumed_tail))


def _by_arrow(codec: str) -> Callable[[bytes], bytes]:
    def unpacked(body: bytes) -> bytes:
        try:
            stream = pa.CompressedInputStream(pa.BufferReader(body), codec)
            content = bytes(stream.read(max_record_bytes() + 1))
        except OSError as error:
            raise RefusedError(f"the body cannot be unpacked ({str(error).splitlines()[0]})") from None
        return _within(content, more=len(content) > max_record_bytes())

    return unpacked


_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _of_deflate,
    "br": _by_arrow("brotli"),
    "zstd": _by_arrow("zstd"),
}


def _within(content: bytes, *, more: bool) -> bytes:
    if more:
        raise RefusedError(f"unpacked more than the {max_record_bytes()} bytes allowed")
    return content


def _main_text(content: bytes, charset: str | None) -> str:
    if len(content) > MOST_HTML_BYTES:
        raise RefusedError(f"{len(content)} bytes of HTML, more than the {MOST_HTML_BYTES} allowed,")
    from resiliparse.extract.html2text import extract_plain_text

    html = _text_of(content, charset)
    _check_cost(html)
    text = str(extract_plain_text(html, main_content=True, alt_texts=False)).strip()
    if not text:
        raise NoTextError("no text: nothing but markup and navigation", None, None)
    return text


def _check_cost(html: str) -> None:
    """Refuse a page that would take the library minutes: its time grows with the square of the depth."""
    try:
        check_cost(html)
    except SampleError as error:
        raise RefusedError(str(error)) from None
    if html.count("<") > MOST_DEPTH and walk(html)[1] > MOST_DEPTH:
        raise RefusedError("elements nested too deep to be read in time")


def _text_of(content: bytes, charset: str | None) -> str:
    """Return bytes as text, in the encoding that the server named, else in the one that they seem to have."""
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

    detected = detect_encoding(content, from_html_meta=True) or "utf-8"
    # names such as zlib are codecs of Python, and no encodings of pages
    named = map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    return str(bytes_to_str(content, named or detected, "replace", (detected, "utf-8"))).replace("\0", "")


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid_utf8(error) from None


def _type_of(header: str) -> str:
    return header.partition(";")[0].strip().lower()
