"""The part of the hub of Hugging Face that a reader asks for, on loopback, with faults that a test switches on."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_REPO = r"(?P<owner>[^/]+)/(?P<name>[^/]+)"
_REVISION = re.compile(rf"/api/datasets/{_REPO}/revision/(?P<revision>[^/]+)")
_TREE = re.compile(rf"/api/datasets/{_REPO}/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?")
_PATHS = re.compile(rf"/api/datasets/{_REPO}/paths-info/(?P<revision>[^/]+)")
_RESOLVE = re.compile(rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.*)")


class Hub:
    """Data sets with commits: `commit` adds one to `main`. Faults: `cut` breaks answers, `down` answers nothing.

    `token` is what private data sets ask for; `requests` lists method, path, range and whether a token came.
    """

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, Mapping[str, bytes]]] = {}
        self.main: dict[str, str] = {}
        self.private: set[str] = set()
        self.token = "hf_secret_of_the_test"
        self.requests: list[tuple[str, str, str, bool]] = []
        self.cut = ""
        self.status = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def commit(self, name: str, files: Mapping[str, bytes]) -> str:
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits.setdefault(name, {})[sha] = dict(files)
        self.main[name] = sha
        return sha

    def fetched(self, ending: str) -> int:
        """Return how many ranges of a file were asked for."""
        return sum(path.endswith(ending) and bool(stretch) for _, path, stretch, _ in self.requests)


class _Answers(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes = b"") -> None:
        path = unquote(urlsplit(self.path).path)
        raw = urlsplit(self.path).path
        asked = self.headers.get("Authorization", "")
        self.hub.requests.append((self.command, path, self.headers.get("Range", ""), bool(asked)))
        if self.hub.status:
            return self._send(self.hub.status, b"{}")
        for pattern, work in (
            (_REVISION, self._info),
            (_TREE, self._tree),
            (_PATHS, self._paths),
            (_RESOLVE, self._file),
        ):
            match = pattern.fullmatch(raw)
            if match:
                name = f"{match['owner']}/{match['name']}"
                known = name in self.hub.main
                if not known or (name in self.hub.private and asked != f"Bearer {self.hub.token}"):
                    return self._send(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
                revision = unquote(match["revision"])
                sha = self.hub.main[name] if revision == "main" else revision
                if sha not in self.hub.commits[name]:
                    return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return work(name, sha, unquote(match.groupdict().get("path") or ""), body)
        return self._send(404, b"{}")

    def _info(self, name: str, sha: str, _path: str, _body: bytes) -> None:
        self._json({"id": name, "sha": sha, "private": False, "siblings": [], "tags": [], "downloads": 0, "likes": 0})

    def _tree(self, name: str, sha: str, path: str, _body: bytes) -> None:
        files, prefix = self.hub.commits[name][sha], f"{path}/" if path else ""
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() in {"true", "1"}
        below = [file for file in files if file.startswith(prefix)]
        if not below:
            return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        entries, folders = [], set()
        for file in sorted(below):
            parts = file.removeprefix(prefix).split("/")
            folders |= {prefix + "/".join(parts[:depth]) for depth in range(1, len(parts))}
            if recursive or len(parts) == 1:
                entries.append(self._entry(file, files[file]))
        shown = [folder for folder in sorted(folders) if recursive or "/" not in folder.removeprefix(prefix)]
        return self._json(
            [{"type": "directory", "path": folder, "oid": "0" * 40, "size": 0} for folder in shown] + entries
        )

    def _paths(self, name: str, sha: str, _path: str, body: bytes) -> None:
        files = self.hub.commits[name][sha]
        text = body.decode()
        paths = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
        found = []
        for path in paths:
            if path in files:
                found.append(self._entry(path, files[path]))
            elif any(file.startswith(f"{path}/") for file in files):
                found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        self._json(found)

    def _entry(self, path: str, content: bytes) -> dict[str, object]:
        return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _file(self, name: str, sha: str, path: str, _body: bytes) -> None:
        content = self.hub.commits[name][sha].get(path)
        if content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        stretch = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = (int(stretch[1]), int(stretch[2]) + 1) if stretch else (0, len(content))
        part = content[start:end]
        if self.hub.cut and path.endswith(self.hub.cut):
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return None
        return self._send(206 if stretch else 200, part, {"ETag": '"e"', "X-Repo-Commit": sha})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a hub until the block ends."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"hub": hub}))
    server.daemon_threads = True
    hub.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
