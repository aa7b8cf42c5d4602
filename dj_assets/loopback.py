"""A server of pages for this machine only, with the standard library: the base of the sliders and of Explore.

A request needs the server's token in its path, and a `Host` header that names the loopback address. A question also
needs a header that only a page of this server can send.
"""

from __future__ import annotations

import hmac
import json
import secrets
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import PurePath
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from dj_assets.errors import DjError, UserError

HOST = "127.0.0.1"
TOKEN_BYTES = 24
# A page of another site may send a custom header only if the server allows it, and this server never does.
_GUARD = "X-Dj-Assets"
_MOST_BYTES = 1_000_000
_PIECE_BYTES = 1 << 18
# Errors of a request that is not what the page sends, and of values that the recipe refuses.
_WRONG = (
    DjError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    IndexError,
    ArithmeticError,
    duckdb.Error,
)
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


@dataclass(frozen=True)
class Reply:
    """The answer to a GET request: bytes, or an open file of `length` bytes that is sent in pieces and closed."""

    body: bytes | IO[bytes]
    kind: str
    length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.body) if isinstance(self.body, bytes) else self.length or 0

    def close(self) -> None:
        """Close the file."""
        if not isinstance(self.body, bytes):
            self.body.close()


def packaged(package: str, name: str) -> Reply:
    """Return a file of a package, by its name."""
    return Reply(resources.files(package).joinpath(name).read_bytes(), KINDS[PurePath(name).suffix])


class LoopbackServer(ThreadingHTTPServer):
    """Server that listens on the loopback address and answers requests below the path of its token."""

    daemon_threads = True

    def __init__(self, port: int, token: str | None = None) -> None:
        """Listen at a port, 0 for any free one; `token` is random where none is given.

        Raises
        ------
        UserError
            If the port is taken.
        """
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}; choose another with --port") from error

    @property
    def origin(self) -> str:
        """Return the address without the path."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Return the address of the first page, with the token."""
        return f"{self.origin}/{self.token}/"

    @property
    def names(self) -> frozenset[str]:
        """Return the host names of the loopback address."""
        return frozenset(f"{name}:{self.server_address[1]}" for name in (HOST, "localhost"))

    @abstractmethod
    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return the reply for a path below the token, None where there is nothing.

        Raises
        ------
        DjError
            If it cannot be shown; the message says why.
        """

    @abstractmethod
    def ask(self, path: str, question: str, asked: Mapping[str, Any]) -> Mapping[str, object] | None:
        """Return the answer to a question of the page at a path, None where there is no such page."""


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request of the page."""

    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    # a client that sends nothing for this time, in seconds, loses its connection
    timeout = 20

    def do_GET(self) -> None:
        """Answer a GET request with a page or a file."""
        path = self._path()
        if path is None:
            return
        query = dict(parse_qsl(urlsplit(self.path).query))
        try:
            reply = self.server.get(path, query)
        except (*_WRONG, OSError) as error:
            self._send(HTTPStatus.NOT_FOUND, Reply(str(error).encode(), "text/plain; charset=utf-8"))
            return
        self._send(*((HTTPStatus.OK, reply) if reply else (HTTPStatus.NOT_FOUND, Reply(b"", "text/plain"))))

    def do_POST(self) -> None:
        """Answer a POST request: JSON in, JSON out."""
        # what is left of a refused request is not taken for the next one
        wanted, self.close_connection = self.close_connection, True
        path = self._path()
        if path is None:
            return
        if self.headers.get(_GUARD) is None or self.headers.get("Origin", self.server.origin) not in self._origins():
            self._say(HTTPStatus.FORBIDDEN, {"error": "the request does not come from the page"})
            return
        body = self._body()
        if body is None:
            return
        self.close_connection = wanted
        page, _, question = path.rpartition("ask/")
        try:
            answer = self.server.ask(page, question, json.loads(body or b"{}"))
        except (*_WRONG, OSError) as error:
            self._say(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        if answer is None:
            self._say(HTTPStatus.NOT_FOUND, {"error": "there is no such page"})
            return
        self._say(HTTPStatus.OK, answer)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal shows the address of the page only."""

    def _origins(self) -> frozenset[str]:
        return frozenset(f"http://{name}" for name in self.server.names)

    def _path(self) -> str | None:
        """Return the path below the token; refuse a request without it, or of another host name."""
        if self.headers.get("Host") not in self.server.names:
            self._send(HTTPStatus.FORBIDDEN, Reply(b"this page is for this machine alone\n", "text/plain"))
            return None
        token, slash, rest = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._send(HTTPStatus.FORBIDDEN, Reply(b"open the address that the terminal shows\n", "text/plain"))
            return None
        return f"/{rest}"

    def _body(self) -> bytes | None:
        """Return the body of the request; None if it was refused, or did not arrive in time."""
        given = self.headers.get("Content-Length") or "0"
        if not given.isdecimal() or self.headers.get("Transfer-Encoding"):
            self._say(HTTPStatus.BAD_REQUEST, {"error": "the request has no length"})
            return None
        if int(given) > _MOST_BYTES:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "too long"})
            return None
        try:
            return self.rfile.read(int(given))
        except TimeoutError:
            return None

    def _say(self, status: HTTPStatus, content: Mapping[str, object]) -> None:
        self._send(status, Reply(json.dumps(content).encode(), "application/json"))

    def _send(self, status: HTTPStatus, reply: Reply) -> None:
        """Send a reply, or the range of it that the request names."""
        try:
            whole = isinstance(reply.body, bytes)
            named = None if whole else self._range(reply.size)
            start, end = named or (0, reply.size)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if named else status)
            headers = {**_SECURITY, **reply.headers, "Content-Type": reply.kind, "Content-Length": str(end - start)}
            if named:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{reply.size}"
            if not whole:
                headers["Accept-Ranges"] = "bytes"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._write(reply, start, end)
        except (BrokenPipeError, ConnectionResetError):
            # a browser stops reading a clip that the user leaves
            self.close_connection = True
        finally:
            reply.close()

    def _write(self, reply: Reply, start: int, end: int) -> None:
        if isinstance(reply.body, bytes):
            self.wfile.write(reply.body[start:end])
            return
        reply.body.seek(start)
        while start < end and (piece := reply.body.read(min(_PIECE_BYTES, end - start))):
            self.wfile.write(piece)
            start += len(piece)

    def _range(self, size: int) -> tuple[int, int] | None:
        """Return the first byte and the end of one requested range; None where none is named or it is not valid.

        Browsers ask for ranges of clips, first for all bytes; some play a clip only if that is answered as a range.
        """
        unit, _, wanted = (self.headers.get("Range") or "").partition("=")
        first, dash, last = wanted.partition("-")
        if unit != "bytes" or not dash or not (first or last) or not f"{first}{last}".isdecimal():
            return None
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        return (start, end) if start < end else None
