from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from dj_assets.errors import MediaError
from dj_assets.media.locations import MediaLocation, Root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "a.jpg").write_bytes(b"inside")
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "fine.jpg").symlink_to(folder / "media" / "a.jpg")
    return folder


def read(location: MediaLocation) -> bytes:
    with location.open() as file:
        return file.read()


@pytest.mark.parametrize("listed", ["media/a.jpg", "./media/a.jpg", "media/../media/a.jpg", "fine.jpg"])
def test_what_lies_in_the_root_is_found(root: Path, listed: str) -> None:
    location = Root(str(root)).find(listed)
    assert read(location) == b"inside"
    assert location.file_bytes == 6


@pytest.mark.parametrize("listed", ["../secret.jpg", "media/../../secret.jpg", "link.jpg", "/etc/hostname"])
def test_what_leads_out_of_the_root_is_refused(root: Path, listed: str) -> None:
    with pytest.raises(MediaError, match=r"outside of the media root .*; set 'allow_outside: true' in the source"):
        Root(str(root)).find(listed)


def test_outside_can_be_allowed(root: Path) -> None:
    assert read(Root(str(root), allow_outside=True).find("../secret.jpg")) == b"outside"


def test_urls_are_refused_unless_allowed(root: Path) -> None:
    for url in ("http://example.com/a.jpg", "s3://bucket/a.jpg", "file:///etc/passwd"):
        with pytest.raises(MediaError, match="is a URL; set 'allow_urls: true'"):
            Root(str(root)).find(url)
    location = Root(str(root), allow_urls=True).find(f"file://{root}/media/a.jpg")
    assert (read(location), location.file_bytes) == (b"inside", 6)


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ("media/b.jpg", "no such file"),
        ("media", "is no regular file"),
        ("", "is no regular file"),
        ("a\0b", "cannot be looked up"),
        ("x" * 5000, "cannot be looked up"),
    ],
)
def test_what_is_no_file_says_so(root: Path, listed: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        Root(str(root)).find(listed)


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.jpg")
    with pytest.raises(MediaError, match="is no regular file"):
        Root(str(root)).find("pipe.jpg")


def test_members_of_an_archive(root: Path) -> None:
    with tarfile.open(root / "shard.tar", "w") as archive:
        archive.add(root / "media" / "a.jpg", "000/a.jpg")
    location = Root(str(root)).find("shard.tar/000/a.jpg")
    assert (read(location), location.file_bytes, location.is_file) == (b"inside", 6, False)
    with pytest.raises(MediaError, match="no such member"):
        Root(str(root)).find("shard.tar/000/b.jpg")
    (root / "broken.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(MediaError, match="archive cannot be read"):
        Root(str(root)).find("broken.tar/a.jpg")


def test_bytes_at_hand() -> None:
    location = MediaLocation("a.jpg", content=b"four")
    assert (read(location), location.file_bytes, location.is_file) == (b"four", 4, False)
