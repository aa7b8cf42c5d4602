"""A server that should never be asked for anything."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType


class Listener:
    """A server on loopback that remembers what it was asked, and closes the connection."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        requests = self.requests

        class Remember(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(5)
                requests.append(self.request.recv(4096))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Remember)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Listener:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
