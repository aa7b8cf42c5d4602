"""Requests that no page sends, to every address of a server: each is refused in one line, and nothing else happens."""

from __future__ import annotations

import copy
import http.client
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dj_assets.loopback import LoopbackServer

JUNK: Sequence[object] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    float("nan"),
    float("inf"),
    "x",
    "9" * 5000,
    "\ud800",
    "../../etc/passwd",
    "'; DROP TABLE stats; --",
    [],
    [[]],
    {},
    {"x": {"y": 1}},
    "a" * 100_000,
)
# Headers of requests that come from elsewhere: another name of the host, another origin, none of the page's own.
FOREIGN: Sequence[Mapping[str, str]] = (
    {"Host": "rebound.example", "X-Dj-Assets": "x"},
    {"Host": "127.0.0.1:1", "X-Dj-Assets": "x"},
    {"Origin": "http://evil.example", "X-Dj-Assets": "x"},
    {"Origin": "null", "X-Dj-Assets": "x"},
    {},
)
FOUND, REFUSED = 200, {400, 404}
# `make hostile` asks everything, the suite a seeded tenth.
ALL_WAYS, SHARE = bool(os.environ.get("TEST_ALL_WAYS")), 0.1


def answered(
    server: LoopbackServer, method: str, address: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Send a request to an address below the root; return status, content and headers."""
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=60)
    try:
        connection.request(method, address, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def require_guarded(server: LoopbackServer, questions: Mapping[str, Mapping[str, Any]], files: Sequence[str]) -> None:
    """Assert that all addresses need token, host and, for questions, origin and header; and have a policy."""
    root = f"/{server.token}"
    for path in files:
        status, _, headers = answered(server, "GET", root + path)
        assert status == FOUND, path
        require_policy(headers)
        for address in (path, f"/{'x' * len(server.token)}{path}", f"/{server.token[:-1]}{path}"):
            assert answered(server, "GET", address)[0] == 403, address
        for host in ("rebound.example", "127.0.0.1:1", f"127.0.0.1.:{server.server_address[1]}", ""):
            status, _, headers = answered(server, "GET", root + path, headers={"Host": host})
            assert status == 403, (path, host)
            require_policy(headers)
    for path, asked in questions.items():
        body = json.dumps(asked).encode()
        status, said, headers = answered(server, "POST", root + path, body, {"X-Dj-Assets": "x"})
        assert status == FOUND, (path, said[:300])
        require_policy(headers)
        for foreign in FOREIGN:
            assert answered(server, "POST", root + path, body, foreign)[0] == 403, (path, foreign)
        assert answered(server, "POST", path, body, {"X-Dj-Assets": "x"})[0] == 403
        # a question that a link or an image could ask
        assert answered(server, "GET", root + path)[0] in REFUSED, path


def require_policy(headers: http.client.HTTPMessage) -> None:
    """Assert that an answer lets scripts of the package run only, and no other site read it."""
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not [name for name in headers if name.lower().startswith("access-control")]


def require_refused(
    server: LoopbackServer, questions: Mapping[str, Mapping[str, Any]], files: Sequence[str], said: Any
) -> int:
    """Ask questions with junk in place of each of their values, and files by junk; return how many were asked.

    `said` reads what the server writes to the terminal, which must be nothing.
    """
    asked = 0
    for path, body in questions.items():
        for junk in junk_of(body):
            content = json.dumps(junk).encode()
            status, answer, _ = answered(server, "POST", f"/{server.token}{path}", content, {"X-Dj-Assets": "x"})
            assert status in {FOUND, 400, 413}, (path, junk, status, answer)
            assert b"Traceback" not in answer and len(answer) < 3_000_000, (path, junk)
            asked += 1
    for path in files:
        for junk in ("-1", "999999999999999999999", "x", "%00", "..%2f..%2fetc%2fpasswd", "1e9", "9" * 5000, ""):
            status, answer, _ = answered(server, "GET", f"/{server.token}{path.replace('JUNK', junk)}")
            assert status in {FOUND, 404}, (path, junk)
            assert b"root:" not in answer, (path, junk)
            asked += 1
    shown = said()
    assert shown.out + shown.err == ""
    return asked


def junk_of(body: Mapping[str, Any]) -> Iterator[object]:
    """Yield junk in place of a body and of every value in it, and the body without each key; all of it on demand."""
    chosen = random.Random(json.dumps(body))
    for junk in _all_junk_of(body):
        if ALL_WAYS or chosen.random() < SHARE:
            yield junk


def _all_junk_of(body: Mapping[str, Any]) -> Iterator[object]:
    yield from JUNK
    for path in _paths(body):
        for junk in (*JUNK, _MISSING):
            changed = copy.deepcopy(dict(body))
            inner: Any = changed
            for key in path[:-1]:
                inner = inner[key]
            if junk is _MISSING:
                del inner[path[-1]]
            else:
                inner[path[-1]] = junk
            yield changed


_MISSING = object()


def _paths(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _paths(inner, (*path, key))
