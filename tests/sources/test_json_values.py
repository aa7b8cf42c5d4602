"""Values of Arrow columns as JSON: also times that Python does not know, in unknown zones, in maps and fixed lists."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest

from dj_assets.sources.json_values import as_json, json_texts, plain_records

# The year after the last one that Python knows.
FAR = 253_402_300_800 * 10**6
TIME = pa.timestamp("us")
SHOWN = "10000-01-01 00:00:00.000000"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (TIME, FAR, SHOWN),
        (pa.timestamp("us", "Z"), 1, "1970-01-01 00:00:00.000001Z"),
        (pa.timestamp("us", "Mars/Phobos"), 1, "1970-01-01 00:00:00.000001Z"),
        (pa.list_(TIME), [FAR, None], [SHOWN, None]),
        (pa.list_(TIME, 2), [FAR, None], [SHOWN, None]),
        (pa.list_(TIME, 0), [], []),
        (pa.map_(pa.string(), TIME), [("k", FAR)], [["k", SHOWN]]),
        (pa.map_(pa.int32(), pa.struct([("t", TIME)])), [(1, {"t": FAR})], [[1, {"t": SHOWN}]]),
        (pa.list_(pa.binary(), 1), [b"x"], ["eA=="]),
    ],
)
def test_values_become_json(kind: pa.DataType, value: Any, shown: Any) -> None:
    column = pa.array([None, value, value], kind)
    for start in range(3):
        rows = pa.record_batch({"a": column.slice(start)})
        expected = [None, shown, shown][start:]
        assert [orjson.loads(as_json(row))["a"] for row in plain_records(rows)] == expected
        assert [text and orjson.loads(text) for text in json_texts(column.slice(start)).to_pylist()] == expected


def test_values_of_a_dictionary_become_json() -> None:
    column = pa.array([FAR, None, FAR], TIME).dictionary_encode()
    assert json_texts(column).to_pylist() == [f'"{SHOWN}"', None, f'"{SHOWN}"']
