"""An S3 server on loopback for tests, in a process of its own, with faults that a test switches on.

`/__set__?name=value` sets a fault, `/__log__` tells the requests so far. `throttle=n` refuses every n-th request with
503 SlowDown, `cut=n` breaks the connection in the middle of every n-th answer to a range, `hold=TEXT` lets writes of
keys with that text wait for ever.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from urllib.parse import parse_qsl

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_SLOW = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Faulty:
    def __init__(self) -> None:
        self.inner = DomainDispatcherApplication(create_backend_app)
        self.faults: dict[str, str] = {}
        self.log: list[list[str]] = []
        self.count = 0
        self.ranges = 0
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path == "/__set__":
            self.faults |= dict(parse_qsl(query, keep_blank_values=True))
            start_response("200 OK", [])
            return [b""]
        if path == "/__log__":
            start_response("200 OK", [])
            return [json.dumps(self.log).encode()]
        with self.lock:
            self.count += 1
            number = self.count
            self.log.append([environ["REQUEST_METHOD"], path, query])
        hold = self.faults.get("hold")
        if hold and hold in path and environ["REQUEST_METHOD"] in {"PUT", "POST"}:
            time.sleep(3600)
        every = int(self.faults.get("throttle") or 0)
        if every and number % every == 0:
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [_SLOW]
        return self.cut(environ, start_response)

    def cut(self, environ, start_response):
        every = int(self.faults.get("cut") or 0)
        answer = self.inner(environ, start_response)
        if not every or environ["REQUEST_METHOD"] != "GET" or "HTTP_RANGE" not in environ:
            return answer
        with self.lock:
            self.ranges += 1
            broken = self.ranges % every == 0
        return broken_off(b"".join(answer)) if broken else answer


def broken_off(body: bytes):
    yield body[: len(body) // 2]
    raise ConnectionResetError("cut for a test")


if __name__ == "__main__":
    logging.getLogger("werkzeug").disabled = True
    server = make_server("127.0.0.1", 0, Faulty(), threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
