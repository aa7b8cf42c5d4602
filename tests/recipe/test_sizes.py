from __future__ import annotations

import pytest

from dj_assets.recipe.sizes import parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("256MB", 256_000_000), ("1 GiB", 2**30), ("1.5k", 1500), ("4096", 4096), (" 2 tb ", 2 * 10**12), ("7b", 7)],
)
def test_sizes_as_people_write_them(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "0.1", "MB", "-1MB", "1 XB", "1e9"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size; write it like 256MB or 1GiB"):
        parse_bytes(text)
