"""Downloads against a real server on the loopback interface."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dj_assets.errors import UserError
from dj_assets.models.manifest import Manifest, ModelEntry
from dj_assets.models.pull import CHECKSUMS, PullError, listing, pull, verify
from dj_assets.models.store import ModelStore

CONTENT = b"weights " * 300_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT: at /good whole, at /broken half of what it announces, at /flaky whole from the second time on."""

    asked: list[str]
    content = CONTENT
    archive = b""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.endswith("gone"):
            self.send_error(404)
            return
        if self.path.endswith(".zip"):
            self.answer(self.server.archive)
            return
        breaks = self.path == "/broken" or (self.path == "/flaky" and self.server.asked.count("/flaky") == 1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: len(self.server.content) // 2] if breaks else self.server.content)

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def entry(server: Server, path: str, sha256: str | None = None, **more: str) -> Manifest:
    url = f"http://127.0.0.1:{server.server_port}{path}"
    made = ModelEntry(name="x/model", urls=(url,), sha256=sha256, licence="MIT", used_by=("some_filter",), **more)
    return Manifest(models=(made,))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_good_file_is_kept_and_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    models = entry(server, "/good", SHA256)
    path = pull("x/model", tmp_path, models=models, pauses_s=())
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["x/model"]
    assert pull("x/model", tmp_path, models=models, pauses_s=()) == path
    assert server.asked == ["/good"]
    (row,) = verify(ModelStore((tmp_path,)), models=models)
    assert (row.state, row.checksum, row.differs, row.path) == ("found", "ok", False, str(path))


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="not the published one"):
        pull("x/model", tmp_path, models=entry(server, "/good", "0" * 64), pauses_s=())
    assert files(tmp_path) == []


def test_a_broken_connection_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="the connection broke after 1200000 of 2400000 bytes"):
        pull("x/model", tmp_path, models=entry(server, "/broken", SHA256), pauses_s=(0.01, 0.01))
    assert files(tmp_path) == []
    assert server.asked == ["/broken"] * 3


def test_a_second_attempt_succeeds(server: Server, tmp_path: Path) -> None:
    path = pull("x/model", tmp_path, models=entry(server, "/flaky", SHA256), pauses_s=(0.01,))
    assert path.read_bytes() == CONTENT
    assert server.asked == ["/flaky"] * 2


def test_an_address_that_is_gone_is_not_asked_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullError, match="404"):
        pull("x/model", tmp_path, models=entry(server, "/gone"), pauses_s=(0.01,))
    assert server.asked == ["/gone"]


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    models = Manifest(
        models=(ModelEntry(name="m", urls=("http://127.0.0.1:1/m",), licence="MIT", used_by=()),),
    )
    with pytest.raises(PullError) as caught:
        pull("m", tmp_path, models=models, pauses_s=())
    assert str(caught.value).startswith("m: cannot be downloaded (http://127.0.0.1:1/m: ")
    assert "DJ_MODELS" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_published_checksum_the_first_pull_is_recorded(server: Server, tmp_path: Path) -> None:
    models = entry(server, "/good", saved_as="x/model/tokenizer.json")
    assert pull("x/model", tmp_path, models=models, pauses_s=()) == tmp_path / "x/model"
    record = json.loads((tmp_path / CHECKSUMS).read_text())
    assert record == {"x/model/tokenizer.json": {"sha256": SHA256, "standing": "recorded at the first pull"}}
    store = ModelStore((tmp_path,))
    assert [row.checksum for row in verify(store, models=models)] == ["recorded"]

    (tmp_path / "x/model/tokenizer.json").write_bytes(b"tampered with")
    (row,) = verify(store, models=models)
    assert row.differs
    server.content = b"another file now"
    with pytest.raises(PullError, match="recorded at the first pull"):
        pull("x/model", tmp_path, models=models, pauses_s=())
    assert (tmp_path / "x/model/tokenizer.json").read_bytes() == b"tampered with"


def checkpoint(server: Server, *files: str) -> Manifest:
    url = f"http://127.0.0.1:{server.server_port}/resolve"
    made = ModelEntry(name="x/model", urls=(url,), files=files, licence="MIT", used_by=("some_filter",))
    return Manifest(models=(made,))


def test_a_checkpoint_is_several_files(server: Server, tmp_path: Path) -> None:
    models = checkpoint(server, "config.json", "gone | weights.bin")
    assert pull("x/model", tmp_path, models=models, pauses_s=()) == tmp_path / "x/model"
    assert files(tmp_path) == [CHECKSUMS, "x/model/config.json", "x/model/weights.bin"]
    assert server.asked == ["/resolve/config.json", "/resolve/gone", "/resolve/weights.bin"]
    store = ModelStore((tmp_path,))
    assert [row.checksum for row in verify(store, models=models)] == ["recorded"]
    pull("x/model", tmp_path, models=models, pauses_s=())
    # what is there and as it was is not asked for again
    assert server.asked[3:] == ["/resolve/gone"]

    (tmp_path / "x/model/weights.bin").write_bytes(b"tampered with")
    assert [row.checksum for row in verify(store, models=models)] == ["differs"]


def test_a_checkpoint_put_by_hand_has_no_known_checksum(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x/model").mkdir(parents=True)
    (tmp_path / "x/model/config.json").write_text("{}")
    (row,) = verify(ModelStore((tmp_path,)), models=checkpoint(server, "config.json"))
    assert (row.state, row.checksum) == ("found", "unknown")


def test_a_file_that_a_checkpoint_needs_and_nobody_has(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"x/model/gone: .* answered 404"):
        pull("x/model", tmp_path, models=checkpoint(server, "config.json", "also_gone | gone"), pauses_s=())


def test_of_an_archive_the_folder_of_the_model_is_kept(server: Server, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("punkt/english/a.tab", "punkt/english/b.txt", "punkt/french/a.tab", "punkt/english/../../out"):
            archive.writestr(name, name)
    server.archive = packed.getvalue()
    url = f"http://127.0.0.1:{server.server_port}/punkt.zip"
    made = ModelEntry(name="punkt/english", urls=(url,), archive=True, licence="MIT", used_by=())
    models = Manifest(models=(made,))
    for _ in range(2):
        assert pull("punkt/english", tmp_path, models=models, pauses_s=()) == tmp_path / "punkt/english"
    assert files(tmp_path) == [CHECKSUMS, "punkt/english/a.tab", "punkt/english/b.txt"]
    assert (tmp_path / "punkt/english/a.tab").read_text() == "punkt/english/a.tab"
    assert server.asked == ["/punkt.zip"]
    assert [row.checksum for row in verify(ModelStore((tmp_path,)), models=models)] == ["recorded"]
    missing = Manifest(models=(made.model_copy(update={"name": "punkt/klingon"}),))
    with pytest.raises(PullError, match="has no folder of that name"):
        pull("punkt/klingon", tmp_path, models=missing, pauses_s=())


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean 'en\.sp\.model'"):
        pull("en.spmodel", tmp_path)


def test_the_list_tells_what_is_here(tmp_path: Path) -> None:
    (tmp_path / "zh.sp.model").touch()
    rows = {row.name: row for row in listing(ModelStore((tmp_path,)))}
    assert rows["lid.176.bin"].state == "embedded"
    assert rows["en.arpa.bin"].state == "embedded demo"
    assert "PSF" in rows["en.arpa.bin"].licence
    assert (rows["zh.sp.model"].state, rows["zh.sp.model"].path) == ("found", str(tmp_path / "zh.sp.model"))
    assert rows["ja.arpa.bin"].state == "missing"
    assert rows["ja.arpa.bin"].used_by == "perplexity_filter"


def test_verify_leaves_out_the_missing_and_knows_no_checksum_of_a_file_put_by_hand(tmp_path: Path) -> None:
    (tmp_path / "zh.sp.model").touch()
    rows = {row.name: row.checksum for row in verify(ModelStore((tmp_path,)))}
    embedded = ("lid.176.bin", "en.sp.model", "en.arpa.bin", "EleutherAI/pythia-6.9b-deduped", "en_core_web_md")
    checkpoints = (
        "Falconsai/nsfw_image_detection",
        "Salesforce/blip-itm-base-coco",
        "amrul-hzz/watermark_detector",
        "openai/clip-vit-base-patch32",
        "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE",
    )
    present = dict.fromkeys((*embedded, *checkpoints), "-")
    assert rows == {**present, "zh.sp.model": "unknown"}


def test_a_model_that_comes_otherwise_says_how(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="zh_core_web_md is not pulled; get it with: python -m spacy download"):
        pull("zh_core_web_md", tmp_path)
