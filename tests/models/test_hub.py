"""Files of the Hugging Face hub, from a server on loopback that speaks its protocol."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from dj_assets.models.manifest import Manifest, ModelEntry
from dj_assets.models.pull import PullError, pull

# more than two of the parts of 10 MB that the hub writes at once
CONTENT = bytes(range(256)) * 90_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REVISION = "v1.2"
FILE = f"/org/model/resolve/{REVISION}/folder/weights.bin"


class Server(ThreadingHTTPServer):
    """Serves `FILE` at one revision to whoever has the token; the first answers break off after half of the file."""

    breaks = 0
    token = "Bearer hf_secret"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.command, self.path, wanted))
        if self.headers.get("Authorization") != self.server.token:
            self.fail(401, "GatedRepo")
        elif self.path != FILE:
            self.fail(404, "EntryNotFound")
        else:
            start = int(wanted.removeprefix("bytes=").split("-")[0]) if body and wanted else 0
            part = CONTENT[start:]
            self.send_response(206 if start else 200)
            for name, value in (
                ("ETag", f'"{SHA256}"'),
                ("X-Repo-Commit", "a" * 40),
                ("Content-Length", str(len(part))),
            ):
                self.send_header(name, value)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.end_headers()
            if body and self.server.breaks:
                self.server.breaks -= 1
                part = part[: len(part) // 2]
                self.close_connection = True
            if body:
                self.wfile.write(part)

    def fail(self, code: int, name: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", name)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as running:
        address = f"http://127.0.0.1:{running.server_port}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def entry(path: str = FILE, sha256: str | None = SHA256) -> Manifest:
    url = f"https://huggingface.co{path}"
    return Manifest(models=(ModelEntry(name="m.bin", urls=(url,), sha256=sha256, licence="MIT", used_by=()),))


def test_a_file_of_a_revision_comes_with_the_token_and_goes_on_after_a_break(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    path = pull("m.bin", tmp_path, models=entry(), pauses_s=(0, 0))
    assert path.read_bytes() == CONTENT
    assert [file.name for file in tmp_path.iterdir()] == ["m.bin"]
    assert {asked[1] for asked in server.asked if "/resolve/" in asked[1]} == {FILE}
    ranges = [asked[2] for asked in server.asked if asked[:2] == ("GET", FILE)]
    assert ranges[0] in {None, "bytes=0-"}
    assert int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="not the published one"):
        pull("m.bin", tmp_path, models=entry(sha256="0" * 64), pauses_s=())
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_or_not_open_is_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PullError, match=r"answered 404$"):
        pull("m.bin", tmp_path, models=entry(FILE.replace("weights", "other")), pauses_s=(0,))
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(PullError, match=r"answered 401; for a model with terms of use, accept them and set HF_TOKEN"):
        pull("m.bin", tmp_path, models=entry(), pauses_s=(0,))
    assert "hf_other" not in str([*tmp_path.rglob("*")])
