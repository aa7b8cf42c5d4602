"""Sources that lie in an object store, against an S3 server on loopback."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dj_assets.errors import SourceError, UserError
from dj_assets.recipe.model import Source
from dj_assets.sources.readers import Reader, parse
from dj_assets.sources.sources import content_sha256, resolve
from dj_assets.stores.path import ObjectPath
from dj_assets.stores.store import Store
from dj_assets.stores.stream import ObjectStream
from dj_assets.subset.entries import source_files

LINES = b"".join(json.dumps({"text": f"line {number}"}).encode() + b"\n" for number in range(500))


def texts(url, base):
    found = []
    for shard, file in enumerate(resolve([url], base)):
        for block in Reader(file, shard).blocks():
            found += parse(block, text_key="text", name=file.path.name).rows["text"].to_pylist()
    return found


def names(url, base):
    return [file.path.name for file in resolve([url], base)]


def test_globs_and_folders_go_over_the_listing_in_natural_order(lake, tmp_path):
    store = Store.at(lake)
    for key in ("c4/part-10.jsonl", "c4/part-2.jsonl.gz", "c4/deep/er/x.jsonl", "c4/.hidden/y.jsonl", "c4/notes.md"):
        store.put(key, gzip.compress(LINES) if key.endswith("gz") else LINES)
    assert names(f"{lake}/c4/part-*", tmp_path) == ["part-2.jsonl.gz", "part-10.jsonl"]
    assert names(f"{lake}/c4/**/*.jsonl", tmp_path) == ["x.jsonl", "part-10.jsonl"]
    assert names(f"{lake}/c4/part-[0-9].jsonl.gz", tmp_path) == ["part-2.jsonl.gz"]
    assert names(f"{lake}/c4", tmp_path) == ["x.jsonl", "part-2.jsonl.gz", "part-10.jsonl"]
    assert names(f"{lake}/c4/part-10.jsonl", tmp_path) == ["part-10.jsonl"]
    assert str(resolve([f"{lake}/c4/part-10.jsonl"], tmp_path)[0].path) == f"{lake}/c4/part-10.jsonl"


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_every_format_is_read(lake, tmp_path, ending):
    table = io.BytesIO()
    pq.write_table(pa.table({"text": [json.loads(line)["text"] for line in LINES.splitlines()]}), table)
    content = {
        "jsonl": LINES,
        "jsonl.gz": gzip.compress(LINES),
        "jsonl.zst": zstandard.compress(LINES),
        "parquet": table.getvalue(),
    }
    Store.at(lake).put(f"x.{ending}", content[ending])
    assert texts(f"{lake}/x.{ending}", tmp_path) == [f"line {number}" for number in range(500)]


@pytest.mark.parametrize(
    ("url", "problem"), [("/none.jsonl", "no such object"), ("/none/*.jsonl", "no object matches"), ("/x.md", "ending")]
)
def test_what_is_not_there_is_told(lake, tmp_path, url, problem):
    Store.at(lake).put("x.md", b"x")
    with pytest.raises(SourceError, match=problem):
        resolve([lake + url], tmp_path)


def test_a_file_named_twice_is_refused(lake, tmp_path):
    Store.at(lake).put("a/x.jsonl", LINES)
    with pytest.raises(SourceError, match="named twice"):
        resolve([f"{lake}/a", f"{lake}/a/*.jsonl"], tmp_path)


def test_a_bucket_that_is_not_there_is_the_users_mistake(lake):
    with pytest.raises(UserError, match="refuses"):
        Store.at("s3://nobody-has-this").put("x", b"x")


def test_a_connection_that_breaks_costs_a_range_not_the_file(lake, s3_server):
    store = Store.at(f"{lake}/big.bin")
    content = bytes(range(256)) * 4000
    Store.at(lake).put("big.bin", content)
    s3_server.set(cut=5)
    with ObjectStream(store, range_bytes=100_000) as stream:
        assert stream.read() == content


def test_an_object_replaced_while_it_is_read_is_refused(lake):
    Store.at(lake).put("x.bin", b"a" * 300)
    with ObjectStream(Store.at(f"{lake}/x.bin"), range_bytes=100) as stream:
        assert stream.read(50) == b"a" * 50
        Store.at(lake).put("x.bin", b"b" * 300)
        with pytest.raises(SourceError, match="was changed while it was read"):
            stream.readall()


def test_identity_is_told_without_reading(lake, tmp_path, s3_server):
    Store.at(lake).put("x.jsonl", LINES)
    (file,) = resolve([f"{lake}/x.jsonl"], tmp_path)
    before = len(s3_server.log())
    now = file.path.stat()
    assert (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns) == (len(LINES), file.mtime_ns)
    assert [method for method, *_ in s3_server.log()[before:]] == ["HEAD"]
    assert content_sha256(file) == content_sha256(resolve([f"{lake}/x.jsonl"], tmp_path)[0])


def test_the_media_of_a_remote_file_are_looked_for_beside_it(lake, tmp_path):
    Store.at(lake).put("x.jsonl", LINES)
    (file,) = source_files([Source(paths=(f"{lake}/x.jsonl",))], tmp_path, tmp_path)
    assert file.reading.media_root.folder == lake


def test_a_path_is_its_url():
    path = ObjectPath.of("s3://b/a/part-2.jsonl")
    assert str(path) == "s3://b/a/part-2.jsonl"
    assert (path.name, str(path.parent), path.suffix) == ("part-2.jsonl", "s3://b/a", ".jsonl")
    assert path == ObjectPath.of("s3a://b//a/part-2.jsonl") and path.resolve() == path
