from __future__ import annotations

import json
import subprocess
import sys
from xml.sax.saxutils import quoteattr

import pytest

from dj_assets.errors import SourceError
from dj_assets.recipe.model import Source
from dj_assets.subset.entries import source_files
from tests.sources.reading import PACK, read, together


def row(**attributes):
    return "  <row " + " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items()) + " />"


def dump(*rows):
    return "\ufeff" + '<?xml version="1.0" encoding="utf-8"?>\n<posts>\n' + "\n".join(rows) + "\n</posts>\n"


def parsed(folder, content, name="math.example.com/Posts.xml", **options):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    ending = next((ending for ending in (".gz", ".zst") if name.endswith(ending)), "")
    path.write_bytes(PACK[ending](content.encode()))
    (file,) = source_files([Source(paths=(name,), format="stackexchange")], folder, folder)
    return together(read(file, **options))


QUESTION = row(Id=4, PostTypeId=1, Score=7, Title="Why?", Body="<p>Is 1 < 2?</p>", Tags="<logic><order>")


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_questions_come_with_their_answers_best_score_first(tmp_path, ending):
    content = dump(
        row(Id=9, PostTypeId=2, ParentId=4, Score=-1, Body="no"),
        QUESTION,
        row(Id=5, PostTypeId=2, ParentId=4, Score=2, Body="<p>yes &amp; no</p>"),
        row(Id=6, PostTypeId=5, Body="a wiki of a tag"),
        row(Id=7, PostTypeId=2, ParentId=4, Score=12, Body="surely"),
        row(Id=8, PostTypeId=2, ParentId=4, Score=2, Body="line\nbreak"),
        row(Id=3, PostTypeId=1, Body="no title, no answer"),
    )
    found = parsed(tmp_path, content, f"math.example.com/Posts.xml{ending}")
    assert found.rejects == []
    assert found.rows["id"].to_pylist() == ["3", "4"]
    assert found.rows["row"].to_pylist() == [0, 1]
    assert found.rows["text"].to_pylist() == [
        "Q: no title, no answer",
        "Q: Why?\n\n<p>Is 1 < 2?</p>\n\nA: surely\n\nA: <p>yes &amp; no</p>\n\nA: line\nbreak\n\nA: no",
    ]
    assert json.loads(found.rows["fields"][1].as_py())["meta"] == {
        "site": "math.example.com",
        "question_id": 4,
        "question_score": 7,
        "answers": 4,
        "tags": ["logic", "order"],
    }


@pytest.mark.parametrize("name", ["bio.example.com-Posts.xml", "bio.example.com.Posts.xml.gz", "bio.example.com.xml"])
def test_the_site_may_be_in_the_name_of_the_file(tmp_path, name):
    found = parsed(tmp_path, dump(QUESTION), name)
    site = json.loads(found.rows["fields"][0].as_py())["meta"]["site"]
    assert site.removesuffix(".xml") == "bio.example.com"


def test_broken_rows_are_quarantined_with_their_line(tmp_path):
    content = dump(
        '  <row Id="1" PostTypeId="1" Body="cut off',
        QUESTION,
        row(Id=10, PostTypeId=2, Score=1, Body="whose?"),
        row(Id=11, PostTypeId=2, ParentId=99, Body="to a question that is gone"),
        '  <row Id="12" PostTypeId="1" Body="&#0;" />',
        row(Id="many", PostTypeId=1, Body="x"),
        row(Id=10**20, PostTypeId=1, Body="x"),
        row(Id=4, PostTypeId=1, Body="the same number again"),
        row(Id=13, PostTypeId=1, Body="x" * 3000),
    )
    found = parsed(tmp_path, content, max_line_bytes=1000)
    assert found.rows["id"].to_pylist() == ["4"]
    errors = [reject.error for reject in found.rejects]
    reasons = {
        3: "broken row (unclosed token",
        5: "broken row (no ParentId)",
        7: "invalid character number",
        8: "'many'",
        9: "is too large",
        11: "more than the 1000 allowed",
        10: "post 4: given twice",
        6: "the answer to question 99, which is missing,",
    }
    for (line, reason), error in zip(reasons.items(), errors, strict=True):
        assert reason in error, error
        assert f"at line {line} " in error, error
    rows = sorted([*found.rows["row"].to_pylist(), *(reject.row for reject in found.rejects)])
    assert rows == list(range(9))


def test_a_packed_dump_is_to_be_unpacked_first(tmp_path):
    (tmp_path / "Posts.7z").touch()
    with pytest.raises(SourceError, match=r"\.7z is not read; unpack it first"):
        source_files([Source(paths=("Posts.7z",), format="stackexchange")], tmp_path, tmp_path)


GROW = """
import sys
from pathlib import Path
from dj_assets.system import peak_rss_mb
from dj_assets.recipe.model import Source
from dj_assets.subset.entries import source_files
from dj_assets.sources.readers import open_blocks, parse
(file,) = source_files([Source(paths=(sys.argv[1],), format="stackexchange")], Path("/"), Path("/"))
samples = sum(parse(block, text_key="text", name="a").records for block in open_blocks(file, 0))
print(samples, int(peak_rss_mb()))
"""


def test_memory_does_not_grow_with_the_dump(tmp_path):
    peaks = []
    for count in (2_000, 80_000):
        path = tmp_path / f"{count}-Posts.xml"
        with path.open("w") as file:
            for i in range(count):
                question = i // 4 * 4
                kind = {"PostTypeId": 1} if i == question else {"PostTypeId": 2, "ParentId": question}
                file.write(row(Id=i, Score=i % 7, Body="a word and " * 150, **kind) + "\n")
        done = subprocess.run([sys.executable, "-c", GROW, str(path)], capture_output=True, text=True, check=True)
        samples, mb = map(int, done.stdout.split())
        assert samples == count // 4
        peaks.append(mb)
    assert path.stat().st_size > 130_000_000
    # the database keeps 8 MiB of pages, and as much again while it sorts
    assert peaks[1] - peaks[0] < 60, peaks
