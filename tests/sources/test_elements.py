from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.sources.elements import layout_of
from dj_assets.sources.streams import Stream
from tests.sources.reading import read_all, write


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (b'{"text": "a"}\n{"text": "b"}\n', "lines"),
        (b'{"text": "a"}', "lines"),
        (b'\n {"text": "a"}\n', "lines"),
        (b'{bad\n{"text": "b"}\n', "lines"),
        (b'{"text": NaN}\n{"text": "b"}\n', "lines"),
        (b"garbage\n\n", "lines"),
        (b'{"text": "' + b"x" * (1 << 20) + b'"}\n{}', "lines"),
        (b" [\n{}]", "array"),
        (b'[{"a": 1}]', "array"),
        (b'{\n  "text": "a",\n  "m": {"n": 1}\n}\n', "objects"),
        (b'{\n  "m": [\n    {"n": 1}\n  ]\n}', "objects"),
    ],
)
def test_the_content_tells_the_layout(tmp_path: Path, content: bytes, layout: str) -> None:
    with Stream(write(tmp_path, "a.json", content)) as stream:
        assert layout_of(stream) == layout
        assert stream.position == 0
        assert stream.read(5) == content[:5]


def test_bad_elements_are_quarantined_with_their_place(tmp_path: Path) -> None:
    content = b'[{"text": "a"}, 5, {"text" "b"}, [1, 2], "x,y", {"text": "c"},\n]'
    parsed = read_all(tmp_path, "a.json", content)
    assert parsed.rows["text"].to_pylist() == ["a", "c"]
    assert parsed.rows["row"].to_pylist() == [0, 5]
    assert [reject.error[:20] for reject in parsed.rejects] == [
        "the record is a numb",
        "broken JSON (Expecti",
        "the record is an arr",
        "the record is a stri",
    ]
    assert parsed.rejects[0].error.endswith(" at record 2 (row 1), byte 16")
    assert parsed.rejects[1].error.endswith(" at record 3 (row 2), byte 19")


@pytest.mark.parametrize(
    ("tail", "texts"),
    [(b', {"text": "c', ["a", "b"]), (b"", ["a", "b"]), (b",\n", ["a", "b"]), (b', {"t": [1', ["a", "b"])],
)
def test_an_array_that_breaks_off_is_not_silent(tmp_path: Path, tail: bytes, texts: list[str]) -> None:
    parsed = read_all(tmp_path, "a.json", b'[{"text": "a"}, {"text": "b"}' + tail)
    assert parsed.rows["text"].to_pylist() == texts
    (reject,) = parsed.rejects
    assert not reject.dropped
    assert reject.error.startswith("broken JSON")


def test_an_overlong_element_is_skipped(tmp_path: Path) -> None:
    content = b'[{"text": "a"}, {"text": "' + b"[" * 500 + b'"}, {"text": "b"}]'
    for block_bytes in (1, 7, 10_000):
        parsed = read_all(tmp_path, "a.json", content, max_line_bytes=100, block_bytes=block_bytes)
        assert parsed.rows["text"].to_pylist() == ["a", "b"]
        assert parsed.rejects[0].error == "513 bytes long, more than the 100 allowed, at record 2 (row 1), byte 16"


def test_one_object_over_several_lines_is_one_record(tmp_path: Path) -> None:
    parsed = read_all(tmp_path, "a.json", b'{\n "text": "a}",\n "n": {"m": "\\""}\n}\n')
    assert parsed.rows["text"].to_pylist() == ["a}"]
    assert parsed.rows["fields"].to_pylist() == ['{"text":null,"n":{"m":"\\""}}']
