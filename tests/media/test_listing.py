from __future__ import annotations

import base64

import pytest

from dj_assets.media.listing import Entry, entries, without_contents

CONTENT = b"\x89PNG"
TEXT = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    ("value", "contents", "expected"),
    [
        (None, None, []),
        ([], None, []),
        ("a.jpg", None, [Entry("a.jpg")]),
        (["a.jpg", "b.jpg"], None, [Entry("a.jpg"), Entry("b.jpg")]),
        (["a.jpg", "b.jpg"], [CONTENT, None], [Entry("a.jpg", CONTENT), Entry("b.jpg")]),
        (["a.jpg"], [TEXT], [Entry("a.jpg", CONTENT)]),
        (["a.jpg"], [CONTENT, CONTENT], [Entry("a.jpg")]),
        ("a.jpg", CONTENT, [Entry("a.jpg", CONTENT)]),
        (CONTENT, None, [Entry("images[0]", CONTENT)]),
        ({"bytes": CONTENT, "path": "a.jpg"}, None, [Entry("a.jpg", CONTENT)]),
        ({"bytes": CONTENT, "path": None}, None, [Entry("images[0]", CONTENT)]),
        ({"bytes": None, "path": "a.jpg"}, None, [Entry("a.jpg")]),
        ({"bytes": TEXT, "path": None}, None, [Entry("images[0]", CONTENT)]),
        ([{"bytes": CONTENT, "path": None}] * 2, None, [Entry("images[0]", CONTENT), Entry("images[1]", CONTENT)]),
        (None, {"bytes": CONTENT, "path": "a.jpg"}, [Entry("a.jpg", CONTENT)]),
        (None, [CONTENT, TEXT], [Entry("image[0]", CONTENT), Entry("image[1]", CONTENT)]),
        (7, None, None),
        (["a.jpg", None], None, None),
        ({"bytes": None, "path": None}, None, None),
        ({"bytes": "no base64!", "path": None}, None, None),
        (None, ["no base64!"], None),
    ],
)
def test_the_files_that_a_field_lists(value: object, contents: object, expected: object) -> None:
    assert entries(value, "images", contents, "image") == expected


def test_bytes_are_left_out_and_paths_stay() -> None:
    held = [{"bytes": CONTENT, "path": "a.jpg"}, "b.jpg"]
    assert without_contents(held) == [{"bytes": None, "path": "a.jpg"}, "b.jpg"]
    assert without_contents(CONTENT) is None
