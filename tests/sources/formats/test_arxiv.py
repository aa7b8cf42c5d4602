from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from dj_assets.errors import SourceError
from dj_assets.recipe.model import Source
from dj_assets.sources.formats import arxiv
from dj_assets.subset.entries import source_files
from tests.sources.reading import PACK, read, together


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def parsed(folder, content: bytes, name="bundle.tar", **options):
    ending = next((ending for ending in (".gz", ".zst") if name.endswith(ending)), "")
    (folder / name).write_bytes(PACK[ending](content))
    (file,) = source_files([Source(paths=(name,), format="arxiv")], folder, folder)
    return together(read(file, **options))


PAPER = rb"\documentclass{article}\begin{document}One\end{document}"


@pytest.mark.parametrize("name", ["bundle.tar", "bundle.tar.gz", "bundle.tar.zst"])
def test_a_bundle_gives_one_sample_a_paper_main_file_first(tmp_path, name):
    parts = {
        "chapter10.tex": b"ten",
        "chapter2.tex": b"% \\documentclass in a comment\ntwo",
        "fig.eps": b"%!PS",
        "main.tex": b"% a note\n  \\documentclass[12pt]{book}\nmain",
    }
    bundle = {
        "2101/": b"",
        "2101/2101.00001.gz": gzip.compress(PAPER),
        "2101/2101.00002.gz": gzip.compress(tar(parts)),
        "2101/hep-th0101003.gz": gzip.compress("café".encode("latin-1")),
    }
    found = parsed(tmp_path, tar(bundle), name)
    assert found.rejects == []
    assert found.rows["id"].to_pylist() == ["2101.00001", "2101.00002", "hep-th/0101003"]
    order = "% a note\n  \\documentclass[12pt]{book}\nmain\n% \\documentclass in a comment\ntwo\nten"
    assert found.rows["text"].to_pylist() == [PAPER.decode(), order, "café"]
    meta = [json.loads(record)["meta"] for record in found.rows["fields"].to_pylist()]
    assert [(entry["arxiv_id"], entry["yymm"], entry["files"]) for entry in meta] == [
        ("2101.00001", "2101", 1),
        ("2101.00002", "2101", 3),
        ("hep-th/0101003", "0101", 1),
    ]
    assert meta[0]["bundle"] == f"{tmp_path.name}/{name}"


def test_what_has_no_latex_is_quarantined_with_its_reason_and_place(tmp_path, monkeypatch):
    monkeypatch.setattr(arxiv, "max_record_bytes", lambda: 5000)
    whole = gzip.compress(PAPER)
    bundle = {
        "2101/2101.00001.pdf": b"%PDF-1.4",
        "2101/2101.00002.gz": b"no gzip at all",
        "2101/2101.00003.gz": gzip.compress(b"%PDF-1.4"),
        "2101/2101.00004.gz": gzip.compress(tar({"readme.txt": b"x"})[:3000]),
        "2101/2101.00005.gz": whole[:-9],
        "2101/2101.00006.gz": gzip.compress(b"x" * 6000),
        "2101/2101.00007.gz": whole,
        "2101/2101.00008.gz": bytes(range(256)) * 40,
    }
    found = parsed(tmp_path, tar(bundle), max_line_bytes=9000)
    assert found.rows["row"].to_pylist() == [6]
    errors = [reject.error for reject in found.rejects]
    reasons = [
        "a PDF: the paper has no LaTeX source",
        "no readable gzip",
        "a PDF or PostScript file",
        "no .tex file among the files",
        "the gzip breaks off",
        "unpacked more than the 5000 bytes allowed",
        "10240 bytes long, more than the 9000 allowed",
    ]
    assert all(reason in error for reason, error in zip(reasons, errors, strict=True)), errors
    assert "2101/2101.00003.gz, record 3 (row 2), byte 2048" in errors[2]
    assert [reject.id for reject in found.rejects[:2]] == ["2101.00001", "2101.00002"]
    assert not any(reject.dropped for reject in found.rejects)


@pytest.mark.parametrize("cut", [100, 700, 1400])
def test_a_bundle_that_breaks_off_says_so(tmp_path, cut):
    content = tar({f"2101/2101.0000{i}.gz": gzip.compress(PAPER * (i + 1)) for i in range(3)})
    with pytest.raises(SourceError, match=r"bundle\.tar: the tar archive .* incomplete or damaged"):
        parsed(tmp_path, content[:cut])


def test_files_of_samples_are_read_as_such(tmp_path):
    (tmp_path / "papers.jsonl").write_text('{"text": "as it stands"}\n')
    (file,) = source_files([Source(paths=("papers.jsonl",), format="arxiv")], tmp_path, tmp_path)
    assert together(read(file)).rows["text"].to_pylist() == ["as it stands"]
