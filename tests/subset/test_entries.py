from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.errors import SourceError
from dj_assets.media.locations import Root
from dj_assets.recipe.model import RawFormat, Source
from dj_assets.sources.formats.registry import RAW_FORMATS
from dj_assets.subset.entries import NotRefinedError, source_files
from tests.sources.reading import read, together


def records(file):
    parsed = together(read(file))
    rows = zip(parsed.rows["text"].to_pylist(), parsed.rows["fields"].to_pylist(), strict=True)
    return [(text, json.loads(fields)) for text, fields in rows]


def test_every_format_that_a_recipe_may_name_is_known():
    assert set(get_args(RawFormat)) == set(RAW_FORMATS)


def test_samples_of_several_sources_have_one_text_key_and_their_origin(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one", "meta": {"path": "p", "origin": "before"}}\n')
    (tmp_path / "b.csv").write_text("content,text,id\ntwo,something else,7\n")
    pq.write_table(pa.table({"body": ["three"], "meta": ["a string"], "n": [3]}), tmp_path / "c.parquet")
    (tmp_path / "d.jsonl").write_text('{"deep": {"text": "four", "n": 1}}\n')
    files = source_files(
        [
            Source(paths=("a.jsonl",)),
            Source(paths=("b.csv",), text_key="content", name="second"),
            Source(paths=("c.parquet",), text_key="body"),
            Source(paths=("d.jsonl",), text_key="deep.text"),
        ],
        tmp_path,
        tmp_path,
    )
    assert [records(file) for file in files] == [
        [("one", {"text": None, "meta": {"path": "p", "origin": "a.jsonl", "origin_was": "before"}})],
        [("two", {"text": None, "original_text": "something else", "id": "7", "meta": {"origin": "second"}})],
        [("three", {"text": None, "n": 3, "meta": {"meta": "a string", "origin": "c.parquet"}})],
        [("four", {"deep": {"n": 1}, "text": None, "meta": {"origin": "d.jsonl"}})],
    ]


def test_one_source_with_a_key_of_its_own_is_read_under_the_recipes(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"content": "one"}\n{"other": 1}\n')
    (file,) = source_files([Source(paths=("a.jsonl",), text_key="content")], tmp_path, tmp_path)
    assert records(file) == [("one", {"text": None})]
    assert [reject.error for reject in together(read(file)).rejects] == ["no key 'content'"]


def test_what_is_not_refined_yet_is_named(tmp_path):
    with pytest.raises(NotRefinedError, match="materialize c4 first"):
        source_files([Source(subset="c4")], tmp_path, tmp_path)


def test_a_file_of_two_sources_is_an_error(tmp_path):
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(SourceError, match=r"belongs to the sources a\.jsonl and again; name it once"):
        source_files([Source(paths=("a.jsonl",)), Source(paths=(".",), name="again")], tmp_path, Path())


def test_media_are_looked_up_beside_the_file_or_where_the_source_says(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"text": "one"}\n')
    entries = [
        Source(paths=("in/a.jsonl",)),
        Source(paths=("in/a.jsonl",), media_root="pictures", allow_urls=True),
        Source(paths=("in/a.jsonl",), media_root="/data", format="llava"),
    ]
    roots = [file.reading.media_root for entry in entries for file in source_files([entry], tmp_path, tmp_path)]
    assert roots == [
        Root(str(tmp_path / "in")),
        Root(str(tmp_path / "pictures"), allow_urls=True),
        Root("/data"),
    ]


def test_where_media_lie_changes_no_record(tmp_path):
    pq.write_table(pa.table({"text": ["one"], "image_bytes": [[b"\xff"]]}), tmp_path / "a.parquet")
    (file,) = source_files([Source(paths=("a.parquet",), media_root="pictures")], tmp_path, tmp_path)
    assert file.reading.as_it_stands
    assert together(read(file)).rows["fields"][0].as_py() == {"text": None, "image_bytes": [b"\xff"]}
