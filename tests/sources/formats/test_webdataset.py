from __future__ import annotations

import io
import json
import tarfile

import pytest

from dj_assets.errors import SourceError
from dj_assets.media.locations import Root
from dj_assets.recipe.model import Source
from dj_assets.subset.entries import source_files
from tests.sources.reading import read, together


def pack(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def parsed(folder, name="000.tar"):
    (file,) = source_files([Source(paths=(name,), format="webdataset")], folder, folder)
    return file, together(read(file))


def samples(found):
    fields = [json.loads(record) for record in found.rows["fields"].to_pylist()]
    return [{**record, "text": text} for record, text in zip(fields, found.rows["text"].to_pylist(), strict=True)]


def test_files_of_one_name_are_one_sample_and_media_stay_in_the_archive(tmp_path):
    pack(
        tmp_path / "000.tar",
        {
            "000.jpg": b"jpeg",
            "000.txt": b"Ein Boot.\n",
            "000.json": b'{"url": "https://a.example", "width": 3}',
            "001.left.png": b"left",
            "001.right.png": b"right",
            "001.json": b'{"caption": "Two views.", "id": "pair"}',
            "clips/002.mp4": b"clip",
            "clips/002.txt": b"A clip.",
            "clips/002.cls": b"7",
        },
    )
    file, found = parsed(tmp_path)
    boat, pair, clip = samples(found)
    assert boat == {
        "id": "000",
        "url": "https://a.example",
        "width": 3,
        "text": "<__dj__image> Ein Boot. <|__dj__eoc|>",
        "images": ["000.tar/000.jpg"],
    }
    assert pair["id"] == "pair"
    assert pair["text"] == "<__dj__image> <__dj__image> Two views. <|__dj__eoc|>"
    assert clip["videos"] == ["000.tar/clips/002.mp4"]
    assert found.rows["id"].to_pylist() == ["000", "pair", "clips/002"]
    root = file.reading.media_root
    read_back = [root.find(path).open().read() for sample in (boat, pair) for path in sample["images"]]
    assert read_back == [b"jpeg", b"left", b"right"]


def test_an_archive_is_its_own_root_wherever_other_media_lie(tmp_path):
    pack(tmp_path / "000.tar", {"a.jpg": b"x", "a.txt": b"A."})
    entry = Source(paths=("000.tar",), format="webdataset", media_root="elsewhere")
    (file,) = source_files([entry], tmp_path, tmp_path)
    assert file.reading.media_root == Root(str(tmp_path))


def test_a_sample_without_a_caption_is_dropped_and_a_broken_one_quarantined(tmp_path):
    pack(
        tmp_path / "000.tar",
        {
            "a.jpg": b"x",
            "b.jpg": b"x",
            "b.txt": b"\xff\xfe",
            "c.jpg": b"x",
            "c.json": b"[1]",
            "d.txt": b"<__dj__image>",
        },
    )
    _, found = parsed(tmp_path)
    assert [(reject.id, reject.dropped) for reject in found.rejects] == [("a", True), ("b", False), ("c", False)]
    assert [sample["text"] for sample in samples(found)] == ["<__dj__image>"]


def test_an_archive_that_breaks_off_says_so(tmp_path):
    pack(tmp_path / "whole.tar", {f"{n}.txt": b"A caption." * 400 for n in range(4)})
    (tmp_path / "000.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:6000])
    with pytest.raises(SourceError, match="incomplete or damaged"):
        parsed(tmp_path)


def test_a_packed_archive_is_refused(tmp_path):
    pack(tmp_path / "a.tar", {"a.txt": b"A."})
    import gzip

    (tmp_path / "000.tar.gz").write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    with pytest.raises(SourceError, match="unpack it"):
        parsed(tmp_path, "000.tar.gz")
