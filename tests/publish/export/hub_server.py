"""A server on loopback that behaves like the Hugging Face hub, as far as uploads to a dataset need it.

It keeps large files by their SHA-256 (the LFS protocol), small ones in commits, and knows branches and visibility.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_secret"


@dataclass
class Repository:
    private: bool
    branches: dict[str, dict[str, str]] = field(default_factory=lambda: {"main": {".gitattributes": ""}})
    commits: list[tuple[str, str]] = field(default_factory=list)


class Hub(ThreadingHTTPServer):
    """Hold repositories and contents. `cut_uploads` large uploads break off, once `let_through` have arrived."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.contents: dict[str, bytes] = {}
        self.uploads: list[str] = []
        self.cut_uploads, self.let_through = 0, 0
        self.refuse = 0
        self.seen: list[str] = []
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        """Return the files of a branch, as a reader gets them."""
        tree = self.repositories[name].branches[branch]
        return {path: self.contents[oid] for path, oid in tree.items() if oid}


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.route()

    def do_POST(self) -> None:
        self.route()

    def do_PUT(self) -> None:
        oid = self.path.rpartition("/")[2]
        length = int(self.headers["Content-Length"])
        with self.server.lock:
            cut = self.server.cut_uploads > 0 and self.server.let_through <= 0
            self.server.cut_uploads -= cut
            self.server.let_through -= not cut
        if cut:
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        content = self.rfile.read(length)
        assert hashlib.sha256(content).hexdigest() == oid
        with self.server.lock:
            self.server.contents[oid] = content
            self.server.uploads.append(oid)
        self.answer({})

    def route(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.server.seen.append(f"{self.command} {path}")
        if self.server.refuse:
            return self.fail(self.server.refuse)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.fail(401)
        if path == "/api/validate-yaml":
            return self.answer({"warnings": [], "errors": []})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return self.batch(json.loads(body))
        _, _, _, owner, name, *rest = path.split("/")
        repository = self.server.repositories.get(f"{owner}/{name}")
        if repository is None:
            return self.fail(404, "RepoNotFound")
        return self.in_repository(repository, rest, body)

    def in_repository(self, repository: Repository, rest: list[str], body: bytes) -> None:
        what, branch = (rest[0], rest[1]) if rest else ("info", "main")
        if what == "branch":
            repository.branches.setdefault(branch, dict(repository.branches["main"]))
            return self.answer({})
        if branch not in repository.branches:
            return self.fail(404, "RevisionNotFound")
        tree = repository.branches[branch]
        if what in {"info", "revision"}:
            about = {"id": "x/y", "private": repository.private, "sha": "a" * 40, "tags": [], "siblings": []}
            return self.answer({**about, "siblings": [{"rfilename": path} for path in tree]})
        if what == "tree":
            return self.answer([{"type": "file", "path": path, "size": 1, "oid": oid} for path, oid in tree.items()])
        if what == "preupload":
            files = json.loads(body)["files"]
            return self.answer({"files": [self.mode(file["path"], tree) for file in files]})
        return self.commit(repository, tree, body)

    @staticmethod
    def mode(path: str, tree: dict[str, str]) -> dict[str, Any]:
        mode = "lfs" if path.endswith(".parquet") else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": tree.get(path)}

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        there = name in self.server.repositories
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.server.repositories.setdefault(name, Repository(private))
        self.answer({"url": f"{self.server.address}/datasets/{name}"}, 409 if there else 200)

    def batch(self, asked: dict[str, Any]) -> None:
        def entry(item: dict[str, Any]) -> dict[str, Any]:
            href = f"{self.server.address}/upload/{item['oid']}"
            known = item["oid"] in self.server.contents
            return item if known else {**item, "actions": {"upload": {"href": href}}}

        self.answer({"transfer": "basic", "objects": [entry(item) for item in asked["objects"]]})

    def commit(self, repository: Repository, tree: dict[str, str], body: bytes) -> None:
        summary, lines = "", [json.loads(line) for line in body.splitlines()]
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                summary = value["summary"]
            elif line["key"] == "lfsFile":
                assert value["oid"] in self.server.contents
                tree[value["path"]] = value["oid"]
            elif line["key"] == "file":
                content = base64.b64decode(value["content"])
                oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                self.server.contents[oid] = content
                tree[value["path"]] = oid
            else:
                del tree[value["path"]]
        repository.commits.append((summary, ", ".join(line["key"] for line in lines)))
        self.answer({"commitUrl": f"{self.server.address}/datasets/x/y/commit/{'a' * 40}", "commitOid": "a" * 40})

    def answer(self, content: object, code: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, code: int, name: str = "") -> None:
        self.send_response(code)
        if name:
            self.send_header("X-Error-Code", name)
        if code == 401:
            self.send_header("X-Error-Message", "Invalid credentials in Authorization header")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Yield a running server."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
