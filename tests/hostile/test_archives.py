"""Archives whose headers lie: no hang, no traceback, no sample lost silently, no file outside is read."""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path

import pytest

from dj_assets.errors import MediaError, SourceError
from dj_assets.media.locations import Root
from dj_assets.recipe.model import Source
from dj_assets.sources.blocks import Piece, RefusedError
from dj_assets.sources.formats.arxiv import unpack
from dj_assets.sources.sources import Reading
from dj_assets.subset.entries import source_files
from tests.hostile.archives import damaged, member
from tests.sources.reading import read, together

DAMAGED = damaged()


def opened(path: Path, format: str = "webdataset"):
    (file,) = source_files([Source(paths=(path.name,), format=format)], path.parent, path.parent)
    return file


@pytest.mark.parametrize("format", ["webdataset", "arxiv"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_one_error(tmp_path: Path, name: str, format: str) -> None:
    (tmp_path / "a.tar").write_bytes(DAMAGED[name])
    began = time.process_time()
    with pytest.raises(SourceError, match=r"a\.tar: the tar archive is broken .*incomplete or damaged") as error:
        read(opened(tmp_path / "a.tar", format))
    assert "\n" not in str(error.value)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", DAMAGED)
def test_members_before_the_damage_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tar").write_bytes(DAMAGED[name])
    root = Root(str(tmp_path))
    assert root.find("a.tar/first.txt").open().read() == b"The first caption."
    with pytest.raises(MediaError, match="its archive cannot be read"):
        root.find("a.tar/last.txt")


def test_links_devices_and_paths_outside_stay_in_the_archive(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    kinds = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}
    names = ["../secret", str(secret.with_suffix("")), "a/../../secret"]
    parts = [
        member(f"{name}.jpg", type=kind, linkname=str(secret), devmajor=1, devminor=5) for name, kind in kinds.items()
    ]
    parts += [member(f"{name}.jpg", b"inside") + member(f"{name}.txt", b"A caption.") for name in names]
    parts.append(
        member("own.json", json.dumps({"images": [str(secret), "a.tar/../../secret.jpg"], "text": "x"}).encode())
    )
    (root / "a.tar").write_bytes(b"".join(parts) + b"\0" * 1024)
    file = opened(root / "a.tar")
    found = together(read(file))
    listed = [path for fields in found.rows["fields"].to_pylist() for path in json.loads(fields).get("images", [])]
    assert len(listed) == len(names) + 2
    contents = []
    for path in listed:
        try:
            contents.append(file.reading.media_root.find(path).open().read())
        except MediaError:
            continue
    assert set(contents) <= {b"inside"}


def test_a_caption_that_is_too_long_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(member("a.txt", b"x" * 2000) + member("b.txt", b"A caption.") + b"\0" * 1024)
    found = together(read(opened(tmp_path / "a.tar"), max_line_bytes=1000))
    assert found.rows["id"].to_pylist() == ["b"]
    [reject] = found.rejects
    assert not reject.dropped
    assert "2000 bytes long, more than the 1000 allowed, at a, record 1" in reject.error


def test_a_sparse_file_in_a_paper_is_no_memory_bomb() -> None:
    import gzip

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.tex")
        info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}
        archive.addfile(info)
    piece = Piece(0, 0, None, gzip.compress(packed.getvalue()), "2101/2101.00001.gz")
    with pytest.raises(RefusedError, match="bytes allowed"):
        unpack(piece, Reading(format="arxiv"))
