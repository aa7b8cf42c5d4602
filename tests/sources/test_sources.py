from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dj_assets.errors import SourceError
from dj_assets.sources.sources import SourceFile, content_sha256, resolve


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}\n")


def names(files: tuple[SourceFile, ...], base: Path) -> list[str]:
    return [str(file.path.relative_to(base)) for file in files]


@pytest.mark.parametrize(
    ("name", "format_", "compression"),
    [
        ("a.jsonl", "jsonl", None),
        ("a.ndjson.gz", "jsonl", "gz"),
        ("c4-train.00000-of-01024.json.gz", "json", "gz"),
        ("a.CSV", "csv", None),
        ("a.tsv.zst", "tsv", "zst"),
        ("a.parquet", "parquet", None),
    ],
)
def test_the_name_tells_the_format(tmp_path: Path, name: str, format_: str, compression: str | None) -> None:
    touch(tmp_path, name)
    (file,) = resolve([name], tmp_path)
    stat = (tmp_path / name).stat()
    assert (file.format, file.compression) == (format_, compression)
    assert (file.size, file.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


def test_a_folder_is_read_whole_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "d/part-10.jsonl", "d/part-2.jsonl", "d/sub/part-1.json", "d/.hidden.jsonl", "d/.git/x.json")
    touch(tmp_path, "d/README.md")
    assert names(resolve(["d"], tmp_path), tmp_path) == ["d/part-2.jsonl", "d/part-10.jsonl", "d/sub/part-1.json"]


def test_the_order_given_is_kept(tmp_path: Path) -> None:
    touch(tmp_path, "b.jsonl", "a.jsonl", "z/2.csv", "z/10.csv")
    assert names(resolve(["b.jsonl", "z/*.csv", tmp_path / "a.jsonl"], tmp_path), tmp_path) == [
        "b.jsonl",
        "z/2.csv",
        "z/10.csv",
        "a.jsonl",
    ]


def test_a_glob_descends_with_two_stars(tmp_path: Path) -> None:
    touch(tmp_path, "x/y/1.jsonl", "x/2.jsonl")
    assert names(resolve(["**/*.jsonl"], tmp_path), tmp_path) == ["x/2.jsonl", "x/y/1.jsonl"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].jsonl")
    assert names(resolve(["a[1].jsonl"], tmp_path), tmp_path) == ["a[1].jsonl"]


def test_digits_of_other_scripts_do_not_break_the_sort(tmp_path: Path) -> None:
    touch(tmp_path, "d/a².jsonl", "d/a1.jsonl", "d/a٣.jsonl")
    assert len(resolve(["d"], tmp_path)) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["train.jsonl"], "no such file or folder; the nearest name there is 'trian.jsonl'"),
        (["nowhere/train.jsonl"], "no such file or folder"),
        (["empty"], "holds no file that can be read; read are .jsonl, .json, .csv, .tsv, .parquet, .arrow"),
        (["*.parquet"], "no file matches"),
        (["notes.txt"], "unknown ending; read are .jsonl"),
        (["*.t*"], "unknown ending"),
        (["trian.jsonl", "."], "named twice, by 'trian.jsonl' and by '.'"),
        (["trian.jsonl", "./trian.jsonl"], "named twice"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, given: list[str], message: str) -> None:
    touch(tmp_path, "trian.jsonl", "notes.txt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "trian.jsonl")
    with pytest.raises(SourceError) as error:
        resolve(given, tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_links_are_followed_in_folders(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.jsonl", "elsewhere/x.jsonl", "elsewhere/deep/y.jsonl")
    (tmp_path / "d/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/deep/up").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "d/c.jsonl").symlink_to(tmp_path / "elsewhere/x.jsonl")
    found = ["d/a.jsonl", "d/b/deep/y.jsonl", "d/b/x.jsonl", "d/c.jsonl"]
    assert names(resolve(["d"], tmp_path), tmp_path) == found


@pytest.mark.parametrize("given", ["d", "d/*.jsonl"])
def test_a_link_to_nothing_is_named(tmp_path: Path, given: str) -> None:
    touch(tmp_path, "d/a.jsonl")
    (tmp_path / "d/notes.txt").symlink_to("gone.txt")
    (tmp_path / "d/b.jsonl").symlink_to("../blobs/5f3a")
    with pytest.raises(SourceError, match=r"d/b\.jsonl: is a link to \.\./blobs/5f3a, which does not exist"):
        resolve([given], tmp_path)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    path.write_bytes(b"{}\n")
    with pytest.raises(SourceError, match=r"caf\\xe9\.jsonl: the name is not in UTF-8; rename it") as error:
        resolve([tmp_path], tmp_path)
    assert str(error.value).isprintable()


def test_the_checksum_is_that_of_the_bytes_on_the_disk(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl")
    assert content_sha256(SourceFile.at(tmp_path / "a.jsonl")) == hashlib.sha256(b"{}\n").hexdigest()
