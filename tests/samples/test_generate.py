"""The shipped sample files are what the generator makes, and hold the defects they are said to hold."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import dj_assets.samples
from dj_assets.operators.text.clean_email_mapper import CleanEmailMapper
from dj_assets.samples.generate import sample, write
from dj_assets.samples.subsets import SUBSETS

FOLDER = Path(dj_assets.samples.__file__).parent
PLANTED = json.loads((FOLDER / "planted.json").read_text("utf-8"))


@cache
def shipped(subset: str) -> list[bytes]:
    return gzip.decompress((FOLDER / f"{subset}.jsonl.gz").read_bytes()).split(b"\n")[:-1]


def planted_texts(subset: str, kind: str) -> list[str]:
    return [json.loads(shipped(subset)[number])[SUBSETS[subset].text_key] for number in PLANTED[subset].get(kind, [])]


@pytest.mark.parametrize("subset", SUBSETS)
def test_regenerating_gives_the_shipped_lines(subset: str) -> None:
    lines, planted = sample(subset)
    assert lines.split(b"\n")[:-1] == shipped(subset)
    assert planted == PLANTED[subset]


def test_packed_files_carry_no_time_and_are_small() -> None:
    files = sorted(FOLDER.glob("*.jsonl.gz"))
    assert [file.name.removesuffix(".jsonl.gz") for file in files] == sorted(SUBSETS)
    assert all(file.read_bytes()[4:8] == bytes(4) for file in files)
    assert sum(file.stat().st_size for file in files) < 3_000_000


@pytest.mark.parametrize("subset", SUBSETS)
def test_every_subset_has_a_plausible_number_of_documents(subset: str) -> None:
    assert 60 <= len(shipped(subset)) <= 300
    assert len(PLANTED[subset]["null"]) == len(PLANTED[subset]["empty"]) == 1
    assert planted_texts(subset, "null") == [None]
    assert planted_texts(subset, "empty") == [""]


@pytest.mark.parametrize("subset", SUBSETS)
def test_exactly_the_planted_duplicates_repeat_a_text(subset: str) -> None:
    unreadable = {n for kind in ("broken_json", "invalid_utf8") for n in PLANTED[subset].get(kind, [])}
    texts = [json.loads(line) for n, line in enumerate(shipped(subset)) if n not in unreadable]
    texts = [record[SUBSETS[subset].text_key] for record in texts]
    repeated = sum(count - 1 for text, count in Counter(texts).items() if text)
    assert repeated == len(PLANTED[subset]["duplicate"])


@pytest.mark.parametrize("subset", ["c4", "cc_2020_05", "wiki"])
def test_near_duplicates_are_nearly_another_text(subset: str) -> None:
    texts = [json.loads(line)["text"] for line in shipped(subset) if line.endswith(b"}") and b"\xff" not in line]
    for near in planted_texts(subset, "near_duplicate"):
        words = Counter(near.split())
        differing = sorted((words - Counter(text.split())).total() for text in texts if text and text != near)
        assert differing[0] <= 3


@pytest.mark.parametrize("subset", ["c4", "hackernews"])
def test_unreadable_lines_are_unreadable(subset: str) -> None:
    (broken,), (invalid,) = PLANTED[subset]["broken_json"], PLANTED[subset]["invalid_utf8"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(shipped(subset)[broken])
    with pytest.raises(UnicodeDecodeError):
        shipped(subset)[invalid].decode()


def test_blemishes_are_there() -> None:
    found = {kind: [t for s in SUBSETS for t in planted_texts(s, kind)] for kind in ("email", "mojibake", "link")}
    assert all("@" in text for text in found["email"])
    assert all("â\x80\x9c" in text for text in found["mojibake"])
    assert all("https://www." in text for text in found["link"])
    assert all(len(texts) > 20 for texts in found.values())


def test_the_mapper_finds_planted_addresses() -> None:
    from dj_assets.operators.batch import Batch

    texts = planted_texts("c4", "email")
    cleaned = CleanEmailMapper().apply(Batch.of_texts(texts)).text.to_pylist()
    assert all("@" not in after for after in cleaned)


def test_records_have_meta_and_some_an_id() -> None:
    for subset, contents in SUBSETS.items():
        record = json.loads(shipped(subset)[0])
        assert list(record) == ["id"] * contents.own_id + [contents.text_key, "meta"]
        assert record["meta"]


def test_the_raw_corpora_are_what_the_generator_makes(tmp_path):
    write(tmp_path)
    raw = [path for path in sorted(FOLDER.rglob("*.gz")) if path.parent != FOLDER]
    assert len(raw) == 7
    for path in raw:
        # zlib versions pack differently; what is inside an archive is packed, too
        made = tmp_path / path.relative_to(FOLDER)
        if ".tar" not in path.name:
            assert gzip.decompress(made.read_bytes()) == gzip.decompress(path.read_bytes()), path
        assert path.stat().st_size < 180_000
    assert json.loads((tmp_path / "planted.json").read_text("utf-8")) == PLANTED


def test_code_of_both_subsets_is_partly_the_same():
    ours, theirs = (
        {json.loads(line)[SUBSETS[subset].text_key] for line in shipped(subset)}
        for subset in ("redpajama_code", "the_stack")
    )
    assert len({text for text in ours & theirs if text}) >= 5
