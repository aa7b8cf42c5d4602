"""The LaTeX sources of archives as texts; damaged, hostile and missing archives cost their own sample."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import SourceError

FILES = {"main.tex": "\\documentclass{article}", "notes.txt": "no source", "parts/ü.tex": "ä\xff one"}
JOINED = "\\documentclass{article}\n\nä\ufffd one"


def content(text: str) -> bytes:
    return text.replace("\xff", "").encode() if "\xff" not in text else "ä".encode() + b"\xff one"


def tar(path: Path, mode: str, files: dict[str, str] = FILES) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content(text))
            archive.addfile(entry, io.BytesIO(content(text)))
    return path


def zipped(path: Path, files: dict[str, str] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, content(text))
    return path


def run(folder: Path, archives: dict[str, object], **parameters: object) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of the kept samples, and the errors of the others, by id."""
    records = [{"id": name, "text": "before", "compressed_file": value} for name, value in archives.items()]
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    recipe = {"process": [{"latex_merge_tex_mapper": parameters}]}
    dj_assets.run_recipe(recipe, [folder / "in.jsonl"], folder / "out", workers=1, overwrite=True)
    rows = [row for path in (folder / "out/refined").glob("*") for row in pq.read_table(path).to_pylist()]
    lost = pq.read_table(folder / "out/quarantine.parquet").to_pylist()
    return {row["id"]: row["text"] for row in rows}, {row["id"]: row["error"] for row in lost}


def test_sources_of_all_kinds_of_archives(tmp_path):
    tar(tmp_path / "a.tar", "w")
    tar(tmp_path / "b.tar.gz", "w:gz")
    tar(tmp_path / "c.TGZ", "w:gz")
    zipped(tmp_path / "d.zip")
    zipped(tmp_path / "none.zip", {"notes.txt": "no source"})
    names = ["a.tar", "b.tar.gz", "c.TGZ", "d.zip", "none.zip"]
    kept, lost = run(tmp_path, {name: name for name in names})
    assert kept == {**dict.fromkeys(names[:4], JOINED), "none.zip": ""}
    assert not lost
    kept, _ = run(tmp_path, {"d": "d.zip"}, separator="|")
    assert kept == {"d": JOINED.replace("\n\n", "|")}


def test_damaged_and_hostile_archives_cost_their_own_sample(tmp_path):
    good = zipped(tmp_path / "good.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(good[: len(good) // 2])
    (tmp_path / "cut.tar.gz").write_bytes(tar(tmp_path / "whole.tar.gz", "w:gz").read_bytes()[:90])
    (tmp_path / "text.tar").write_bytes(b"no archive at all" * 100)
    (tmp_path / "paper.gz").write_bytes(b"")
    zipped(tmp_path / "bomb.zip", {"a.tex": "x" * 5_000_000})
    linked = tmp_path / "linked.tar"
    with tarfile.open(linked, "w") as archive:
        entry = tarfile.TarInfo("link.tex")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    names = ["good.zip", "cut.zip", "cut.tar.gz", "text.tar", "paper.gz", "bomb.zip", "linked.tar", "missing.zip"]
    archives = {**{name: name for name in names}, "outside": "/etc/passwd", "none": None, "two": ["good.zip"] * 2}
    kept, lost = run(tmp_path, archives, max_file_size=1_000_000)
    assert kept == {"good.zip": JOINED, "linked.tar": ""}
    assert "'a.tex' makes 5,000,000 bytes, above max_file_size 1,000,000" in lost["bomb.zip"]
    assert "its name ends neither with .zip" in lost["paper.gz"]
    assert "names 0 archives" in lost["none"]
    assert "names 2 archives" in lost["two"]
    assert "outside of the media root" in lost["outside"]
    for name in ("cut.zip", "cut.tar.gz", "text.tar"):
        assert "is an archive that cannot be read" in lost[name]
    kept, lost = run(tmp_path, {"bomb": "bomb.zip"}, max_file_size=0, max_total_size=4_999_999)
    assert "above max_total_size 4,999,999" in lost["bomb"]
    kept, _ = run(tmp_path, {"bomb": "bomb.zip"}, max_file_size=0, max_total_size=None)
    assert len(kept["bomb"]) == 5_000_000


def test_a_field_that_no_record_has_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"no record has the key 'archive'"):
        run(tmp_path, {"a": "a.zip"}, compressed_file_key="archive")
