from __future__ import annotations

import json

import pytest

from dj_assets.sources import exact_json


@pytest.mark.parametrize(
    "text",
    [
        '{"a":123456789012345678901234567890}',
        '{"a":NaN,"b":[Infinity,-Infinity]}',
        '{"b":18446744073709551615,"a":-9223372036854775809}',
        '{"a":"é\\n","b":1.5}',
        '{"a":' + "[" * 400 + "]" * 400 + "}",
    ],
)
def test_a_rewritten_record_keeps_every_digit(text: str) -> None:
    assert exact_json.rewrite(text, lambda value: value) == text
    assert repr(exact_json.loads(text)) == repr(json.loads(text))


def test_rewrite_changes_what_it_is_told() -> None:
    assert exact_json.rewrite('{"b":1,"a":null}', lambda value: {**value, "a": "x"}) == '{"b":1,"a":"x"}'


@pytest.mark.parametrize(
    ("raw", "error"),
    [(b'"\xff"', UnicodeDecodeError), (b'"\\ud800"', UnicodeEncodeError), (b"1e999", ValueError), (b"{", ValueError)],
)
def test_what_is_no_valid_value_is_refused(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        exact_json.loads_exact(raw)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert exact_json.loads_exact(b'["\\ud83d\\ude00", NaN]')[0] == "😀"


@pytest.mark.parametrize(
    ("record", "key", "value"),
    [
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b": 2}}, "a.b", 2),
        ({"a": {"b": {"c": 3}}}, "a.b.c", 3),
        ({"a": {"b": None}}, "a.b", None),
    ],
)
def test_the_place_of_a_key(record: dict[str, object], key: str, value: object) -> None:
    place = exact_json.text_location(record, key)
    assert place is not None
    assert place[0][place[1]] == value


@pytest.mark.parametrize("record", [{}, {"a": 1}, {"a": {}}, {"a": [{"b": 1}]}, {"a": None}])
def test_a_key_without_a_place(record: dict[str, object]) -> None:
    assert exact_json.text_location(record, "a.b") is None
