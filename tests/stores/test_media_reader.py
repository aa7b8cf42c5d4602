"""Images and clips that lie in an object store, against an S3 server on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dj_assets.errors import StoreError, UserError
from dj_assets.home.home import output_layout
from dj_assets.home.layout import Layout
from dj_assets.media.headers import ImageSize
from dj_assets.media.locations import MAX_MEMBER_BYTES, MediaLocation, Root
from dj_assets.media.request import Failed, Request
from dj_assets.publish.export.exported_media import MediaSource
from dj_assets.recipe.load import load_recipe
from dj_assets.stores import media_reader as stored
from dj_assets.stores.media_reader import StoreReader, with_content
from dj_assets.stores.store import Store
from dj_assets.subset import Options, Subset, run_recipe
from tests.documents import write_jsonl
from tests.media.features import Dies
from tests.paths import ROOT
from tests.stores.s3 import upload
from tests.subset.test_object_storage import rows_of

SAMPLES = ROOT / "dj_assets/samples"
IMAGES = [
    {"image_shape_filter": {"min_width": 100}},
    {"image_size_filter": {"min_size": "2 KB"}},
    {"image_deduplicator": None},
]
CLIPS = [{"video_duration_filter": {"min_duration": 2.8}}, {"video_motion_score_filter": {"min_score": 0.05}}]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A source with images and clips beside it, some of which must not or cannot be opened."""
    raw = tmp_path / "raw"
    shutil.copytree(SAMPLES / "llava", raw / "llava")
    shutil.copytree(SAMPLES / "t2v/msr_vtt", raw / "clips")
    images = sorted(path.relative_to(raw).as_posix() for path in (raw / "llava").rglob("*.*") if path.suffix != ".json")
    bad = ["llava/none.jpg", "../secret.jpg", "/etc/hostname", "http://127.0.0.1:9/a.jpg", "llava", "a\0b", ""]
    samples = [{"text": f"{n}", "images": [path]} for n, path in enumerate([*images, *bad, images[0]])]
    write_jsonl(raw / "images.jsonl", samples)
    clips = sorted(path.relative_to(raw).as_posix() for path in (raw / "clips").rglob("*.mp4"))
    write_jsonl(raw / "clips.jsonl", [{"text": path, "videos": [path]} for path in [*clips, "clips/none.mp4"]])
    return raw


def without_reasons(rows: dict) -> dict:
    """Return what a run wrote; why a file cannot be read names it and its root, which differ."""
    return rows | {"quarantine": [[value for value in row if not _is_reason(value)] for row in rows["quarantine"]]}


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and (" " in value or "/" in value)


@pytest.mark.parametrize(("process", "name"), [(IMAGES, "images.jsonl"), (CLIPS, "clips.jsonl")])
def test_media_beside_a_source_in_a_store_are_those_of_a_disk(lake, folder, tmp_path, process, name):
    upload(folder, f"{lake}/raw")
    Store.at(lake).put("secret.jpg", (folder / "llava/00000/000000000.jpg").read_bytes())
    recipe = {"process": process}
    run_recipe(recipe, [folder / name], tmp_path / "out", workers=1)
    run_recipe(recipe, [f"{lake}/raw/{name}"], f"{lake}/out", workers=1)
    here, there = rows_of(Layout.output(tmp_path / "out")), rows_of(output_layout(f"{lake}/out"))
    assert without_reasons(there) == without_reasons(here)
    assert len(here["refined"]) >= 2 and here["dropped"] and here["quarantine"]
    said = [str(row) for row in there["quarantine"]]
    assert any("none." in row and "no such object" in row for row in said)
    assert not any(str(tmp_path) in row for row in said)
    assert not [*(tmp_path / "cache").glob("media-*")], "what was fetched is gone"


def test_the_media_of_a_local_source_may_lie_in_a_store(lake, folder, tmp_path):
    upload(folder, f"{lake}/raw")
    annotations = folder / "images.jsonl"
    source = {"paths": str(annotations)}
    here = rows_of(_refined(tmp_path / "here", source))
    there = rows_of(_refined(tmp_path / "there", source | {"media_root": f"{lake}/raw"}))
    assert without_reasons(there) == without_reasons(here) and here["refined"]


def _refined(folder: Path, source: dict) -> Layout:
    recipe = {"process": IMAGES, "asset": {"subset": "a", "group": "mine", "source": source}}
    Subset(load_recipe(recipe), None, Layout.home(folder), Options(workers=1, limit=12)).run()
    return Layout.home(folder)


@pytest.mark.parametrize("listed", ["a/b.jpg", "./a/b.jpg", "a/../a/b.jpg", "s3://lake/root/a/b.jpg"])
def test_what_lies_below_the_root_is_found(listed):
    assert Root("s3://lake/root").find(listed) == MediaLocation("s3://lake/root/a/b.jpg", stored=True)


@pytest.mark.parametrize(
    "listed", ["../b.jpg", "a/../../b.jpg", "/root/a.jpg", "../../../b.jpg", "s3://lake/root/../b.jpg", ".", ""]
)
def test_what_leads_out_of_the_root_is_refused(listed):
    with pytest.raises(stored.MediaError, match="outside of the media root s3://lake/root"):
        Root("s3://lake/root").find(listed)


def test_what_lies_elsewhere_is_found_where_it_is_allowed():
    assert Root("s3://lake/root", allow_outside=True).find("../b.jpg") == MediaLocation("s3://lake/b.jpg", stored=True)
    with pytest.raises(stored.MediaError, match="outside"):
        Root("s3://lake/root", allow_outside=True).find("../../b.jpg")
    for root in ("s3://lake/root", "/data"):
        for url in ("s3://other/b.jpg", "https://example.com/b.jpg"):
            with pytest.raises(stored.MediaError, match="is a URL"):
                Root(root).find(url)
            assert Root(root, allow_urls=True).find(url) == MediaLocation(url, stored=url.startswith("s3"))


def test_an_object_that_is_too_large_is_not_fetched(lake, monkeypatch):
    Store.at(lake).put("a.jpg", b"x" * 300)
    monkeypatch.setattr(stored, "MAX_MEMBER_BYTES", 200)
    with pytest.raises(stored.MediaError, match="has 300 bytes, more than the 200"):
        with_content(MediaLocation(f"{lake}/a.jpg", stored=True))
    assert MAX_MEMBER_BYTES > 300


def test_an_export_takes_media_out_of_the_store(lake):
    Store.at(lake).put("photos/a.jpg", b"content")
    source = MediaSource(Root(f"{lake}/photos"))
    (file,) = source.files({"id": "1", "images": ["a.jpg"]})
    assert (file.location.open().read(), file.location.file_bytes) == (b"content", 7)
    with pytest.raises(UserError, match=rf"b\.jpg: no such object, but sample 1 names it \(looked in {lake}/photos\)"):
        source.files({"id": "1", "images": ["b.jpg"]})


def test_an_object_over_which_the_decoder_died_is_not_fetched_again(lake, monkeypatch):
    Store.at(lake).put("a.bad", b"x")
    request = Request(MediaLocation(f"{lake}/a.bad", stored=True), (Dies(),))
    reader = StoreReader()
    try:
        first = reader.read([request]).result()
        assert first == [[Failed("the decoder crashed (SIGSEGV)")]]
        monkeypatch.setattr(Store, "download", _fail)
        assert reader.read([request]).result() == first
    finally:
        reader.close()


def test_a_store_that_fails_ends_the_run_and_a_damaged_object_its_sample(lake, monkeypatch):
    Store.at(lake).put("a.jpg", b"x")
    request = Request(MediaLocation(f"{lake}/a.jpg", stored=True), (ImageSize(),))
    reader = StoreReader()
    try:
        assert reader.read([request]).result() == [[Failed("is no image that can be read")]]
        monkeypatch.setattr(Store, "download", _fail)
        with pytest.raises(StoreError, match="the object store failed 6 times"):
            reader.read([request]).result()
    finally:
        reader.close()


def _fail(*_: object) -> None:
    raise StoreError("fetch s3://lake/a.jpg: the object store failed 6 times")


def test_archives_in_a_store_are_refused_with_what_to_do(lake, tmp_path):
    Store.at(lake).put("photos.tar", b"x")
    source = {"paths": f"{lake}/photos.tar", "format": "webdataset"}
    recipe = {"process": IMAGES, "asset": {"subset": "a", "group": "mine", "source": source}}
    with pytest.raises(UserError, match="in archives are not read from an object store; copy the archives"):
        Subset(load_recipe(recipe), None, Layout.home(tmp_path / "out"), Options(workers=1))
