from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.sources.blocks import Parsed, Reject
from tests.sources.reading import read, read_all, write


def parse_lines(folder: Path, *lines: bytes, text_key: str = "text") -> Parsed:
    return read_all(folder, "a.jsonl", b"\n".join(lines), text_key=text_key)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a', "broken JSON ("),
        (b"{'text': 1}", "broken JSON ("),
        (b'{"text": "a"} {"text": "b"}', "broken JSON ("),
        (b"\x00" * 99, "broken JSON (nothing but null bytes"),
        (b'{"text": "a", "n": 1e999}', "broken JSON (the number 1e999 is too large"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "broken JSON ("),
        (b'{"text": "a", "n": ' + b"[" * 5000 + b"]" * 5000 + b"}", "broken JSON (nested too deeply)"),
        (b'{"text": "a\xff"}', "invalid UTF-8 (invalid start byte 0xff, 11 bytes into the record)"),
        (b'{"text": "\xed\xa0\x80"}', "invalid UTF-8 ("),
        (b'{"text": "a\\ud800"}', "lone surrogate '\\ud800' in a string"),
        (b'{"text": "a", "m": ["\\uDC00"]}', "lone surrogate '\\udc00' in a string"),
        (b'{"text": "a", "\\ud800": 1}', "lone surrogate '\\ud800' in a string"),
        (b"[1, 2]", "the record is an array, not an object,"),
        (b'"text"', "the record is a string, not an object,"),
        (b"null", "the record is null, not an object,"),
        (b'{"text": 5}', "the text is a number, not a string,"),
        (b'{"text": ["a"]}', "the text is an array, not a string,"),
        (b'{"text": {}}', "the text is an object, not a string,"),
        (b'{"text": false}', "the text is a boolean, not a string,"),
    ],
)
def test_a_bad_record_is_quarantined_with_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    parsed = parse_lines(tmp_path, b'{"text": "before"}', b"", line, b'{"text": "after"}')
    assert parsed.rows["text"].to_pylist() == ["before", "after"]
    (reject,) = parsed.rejects
    assert (reject.row, reject.id, reject.dropped) == (2, "a.jsonl:2", False)
    assert reject.error.startswith(reason)
    assert reject.error.endswith(" at line 3 (row 2), byte 20")
    assert "\n" not in reject.error
    assert parsed.records == 3


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\x1e", b"\x1e\xef\xbb\xbf"])
def test_marks_before_a_record_are_no_part_of_it(tmp_path: Path, mark: bytes) -> None:
    parsed = parse_lines(tmp_path, b'{"text": "a"}', mark + b'{"text": "b", "n": 1}', mark + b'{"text": "c"}')
    assert parsed.rows["text"].to_pylist() == ["a", "b", "c"]
    assert [json.loads(fields) for fields in parsed.rows["fields"].to_pylist()][1] == {"text": None, "n": 1}


def test_an_overlong_line_is_quarantined_with_its_place(tmp_path: Path) -> None:
    content = b'{"text": "a"}\n{"text": "' + b"x" * 500 + b'"}\n{"text": "b"}'
    parsed = read_all(tmp_path, "a.jsonl", content, max_line_bytes=100)
    assert parsed.rows["text"].to_pylist() == ["a", "b"]
    error = "513 bytes long, more than the 100 allowed, at line 2 (row 1), byte 14"
    assert parsed.rejects == [Reject(1, "a.jsonl:1", dropped=False, error=error)]


def test_records_without_text_are_dropped(tmp_path: Path) -> None:
    parsed = parse_lines(tmp_path, b'{"text": null, "id": "x"}', b'{"id": 5}', b'{"text": ""}')
    assert parsed.rejects == [
        Reject(0, "x", dropped=True, error="no text"),
        Reject(1, "5", dropped=True, error="no key 'text'"),
    ]
    assert parsed.rows["text"].to_pylist() == [""]


def test_a_quarantined_record_keeps_the_id_it_has(tmp_path: Path) -> None:
    assert parse_lines(tmp_path, b'{"text": 1, "id": "x"}').rejects[0].id == "x"


def test_a_block_without_the_key_says_which_keys_it_has(tmp_path: Path) -> None:
    (block,) = read(write(tmp_path, "a.jsonl", b'{"content": "a", "n": 1}\n{bad\n{"m": 1, "n": 2}'))
    assert block.missing_key == ("content", "n", "m")
    assert [reject.dropped for reject in block.rejects] == [True, False, True]


@pytest.mark.parametrize("other", [b'{"text": "b"}', b'{"text": null}', b'{"text": 1}'])
def test_one_record_with_the_key_is_enough(tmp_path: Path, other: bytes) -> None:
    (block,) = read(write(tmp_path, "a.jsonl", b'{"content": "a"}\n' + other))
    assert block.missing_key is None


def test_broken_records_do_not_tell_about_keys(tmp_path: Path) -> None:
    (block,) = read(write(tmp_path, "a.jsonl", b"{bad"))
    assert block.missing_key is None


def test_ids_are_strings(tmp_path: Path) -> None:
    ids = [b'"x"', b"5", b"null", b"1.0", b"true", b"123456789012345678901234567890", b'{"a": 1}', b'""']
    lines = [b'{"text": "a", "id": ' + own + b"}" for own in ids]
    found = parse_lines(tmp_path, *lines, b'{"text": "a"}').rows["id"].to_pylist()
    assert found == ["x", "5", "a.jsonl:2", "1.0", "true", "123456789012345678901234567890", '{"a":1}', "", "a.jsonl:8"]


@pytest.mark.parametrize("order", [("text", "a", "b"), ("a", "text", "b"), ("a", "b", "text")])
def test_the_keys_keep_their_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    parsed = parse_lines(tmp_path, json.dumps(dict.fromkeys(order, "x")).encode())
    assert list(json.loads(parsed.rows["fields"][0].as_py())) == list(order)
    assert parsed.field_types.shapes is not None
    assert [name for name, _ in parsed.field_types.shapes.columns or ()] == list(order)


@pytest.mark.parametrize(
    "literal",
    [
        "18446744073709551615",
        "123456789012345678901234567890",
        "-9223372036854775809",
        '[1,{"a":99999999999999999999}]',
        "NaN",
        "-Infinity",
        "1e+300",
        "0.1",
        '"é\\u0000\\n"',
        "[" * 300 + "]" * 300,
    ],
)
def test_values_come_through_exactly(tmp_path: Path, literal: str) -> None:
    parsed = parse_lines(tmp_path, f'{{"text":"x","v":{literal}}}'.encode())
    assert parsed.rejects == []
    fields = parsed.rows["fields"][0].as_py()
    assert fields.startswith('{"text":null,"v":')
    assert repr(json.loads(fields)["v"]) == repr(json.loads(literal))


def test_dots_lead_into_nested_objects(tmp_path: Path) -> None:
    lines = [b'{"meta": {"text": "a", "n": 1}}', b'{"meta.text": "b"}', b'{"meta": 5}', b'{"meta": {"text": null}}']
    parsed = parse_lines(tmp_path, *lines, text_key="meta.text")
    assert parsed.rows["text"].to_pylist() == ["a", "b"]
    assert parsed.rows["fields"].to_pylist() == ['{"meta":{"text":null,"n":1}}', '{"meta.text":null}']
    assert [reject.error for reject in parsed.rejects] == ["no key 'meta.text'", "no text"]


def test_line_ends_of_both_kinds(tmp_path: Path) -> None:
    parsed = parse_lines(tmp_path, b'{"text": "a"}\r', b"\r", b'{"text": "b\\r"}\r', b"")
    assert parsed.rows["text"].to_pylist() == ["a", "b\r"]
    assert parsed.rows["row"].to_pylist() == [0, 2]
