"""The server of the sliders: the page and its answers, for this machine only, with the standard library."""

from __future__ import annotations

import json
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import unquote

import duckdb

from dj_assets.errors import DjError, UserError
from dj_assets.what_if.session import OvertakenError, Session

HOST = "127.0.0.1"
DEFAULT_PORT = 3010
# A page of another site may send a custom header only if the server allows it, and this server never does.
_GUARD = "X-Dj-Assets"
_MOST_BYTES = 1_000_000
# Errors of a request that is not what the page sends, and of values that the recipe refuses.
_WRONG = (DjError, ValueError, KeyError, TypeError, AttributeError, RecursionError, duckdb.Error)
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Trial:
    """One recipe on its page. `open_session` opens the newest run, again when the page is loaded after a new one."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._opening = threading.Lock()
        self._session: Session | None = None

    def renew(self) -> Session:
        """Open the newest run if there is a newer one. Requests that still read the old run keep it.

        Raises
        ------
        UserError
            If there is no finished run, or the run measured something else.
        """
        with self._opening:
            if self._session is None or not self._session.is_current():
                self._session = self._open()
            return self._session

    def close(self) -> None:
        """Close the run."""
        if self._session is not None:
            self._session.close()

    def answer(self, question: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one question of the page.

        Raises
        ------
        UserError
            If there is no such question or bound, or the recipe refuses a value.
        """
        session = self._session or self.renew()
        changes = {int(index): values for index, values in asked.get("changes", {}).items()}
        answers: dict[str, Callable[[], dict[str, object]]] = {
            "about": session.about,
            "axis": lambda: session.axis(asked["statistic"]),
            "filters": lambda: session.filters(changes),
            "whole": lambda: session.whole(changes),
            "border": lambda: session.border(changes, asked["index"], asked["parameter"]),
            "preview": lambda: session.preview(changes),
            "write": lambda: session.write(changes),
        }
        if question not in answers:
            raise UserError(f"no such question: {question}")
        if question != "about" and not session.is_current():
            raise UserError("a newer run of this subset was published; reload the page")
        return answers[question]()


class LocalServer(ThreadingHTTPServer):
    """Server of pages for this machine only.

    It listens on the loopback address, and answers only requests whose `Host` header names this address: a name of
    another site that resolves to this machine is refused.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}; choose another with --port") from error

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    @property
    def names(self) -> frozenset[str]:
        """Return the host names of the loopback address."""
        return frozenset(f"{name}:{self.server_address[1]}" for name in (HOST, "localhost"))

    @abstractmethod
    def page(self, path: str) -> bytes | None:
        """Return the page at a path, None where there is none.

        Raises
        ------
        UserError
            If it cannot be shown; the message says why.
        """

    @abstractmethod
    def trial(self, path: str) -> Trial | None:
        """Return the recipe whose page is at a path, None where there is none."""


class TuningServer(LocalServer):
    """Server for one recipe."""

    def __init__(self, open_session: Callable[[], Session], port: int = DEFAULT_PORT) -> None:
        super().__init__(port)
        self._trial = Trial(open_session)
        self._trial.renew()

    def page(self, path: str) -> bytes | None:
        """Return the page of sliders for the newest run."""
        if path != "/":
            return None
        self._trial.renew()
        return sliders()

    def trial(self, path: str) -> Trial | None:
        """Return the one recipe."""
        return self._trial if path == "/" else None

    def server_close(self) -> None:
        """Stop listening and close the run."""
        super().server_close()
        if hasattr(self, "_trial"):
            self._trial.close()


def sliders() -> bytes:
    """Return the page of the sliders, which requests its content from the server."""
    return resources.files("dj_assets.what_if").joinpath("page.html").read_bytes()


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request of the page."""

    server: LocalServer
    protocol_version = "HTTP/1.1"
    # a client that sends nothing for this time, in seconds, loses its connection
    timeout = 20

    def do_GET(self) -> None:
        """Answer a GET request with the page."""
        if not self._named_right():
            return
        try:
            page = self.server.page(unquote(self.path))
        except DjError as error:
            self._send(HTTPStatus.NOT_FOUND, str(error).encode(), "text/plain; charset=utf-8")
            return
        if page is None:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain")
            return
        self._send(HTTPStatus.OK, page, "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """Answer a POST request: JSON in, JSON out."""
        # what is left of a refused request is not taken for the next one
        wanted, self.close_connection = self.close_connection, True
        if not self._named_right():
            return
        if self.headers.get(_GUARD) is None:
            self._say(HTTPStatus.FORBIDDEN, {"error": "the request does not come from the page"})
            return
        body = self._body()
        if body is None:
            return
        self.close_connection = wanted
        path, _, question = unquote(self.path).rpartition("ask/")
        trial = self.server.trial(path)
        if trial is None:
            self._say(HTTPStatus.NOT_FOUND, {"error": "there is no such page"})
            return
        try:
            self._say(HTTPStatus.OK, trial.answer(question, json.loads(body or b"{}")))
        except OvertakenError:
            self._say(HTTPStatus.OK, {"overtaken": True})
        except _WRONG as error:
            self._say(HTTPStatus.BAD_REQUEST, {"error": str(error)})

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

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal shows the address of the page only."""

    def _named_right(self) -> bool:
        if self.headers.get("Host") in self.server.names:
            return True
        self._send(HTTPStatus.FORBIDDEN, b"this page is for this machine alone\n", "text/plain")
        return False

    def _say(self, status: HTTPStatus, content: Mapping[str, object]) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {**_SECURITY, "Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
