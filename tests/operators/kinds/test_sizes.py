from __future__ import annotations

import pytest

from dj_assets.errors import RecipeError
from dj_assets.operators.kinds.sizes import size_in_bytes
from dj_assets.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("0", 0),
        ("10", 10),
        ("124KB", 126_976),
        ("124 KiB", 126_976),
        ("124kb", 126_976),
        ("3gb", 3 << 30),
        ("1TB", 1 << 40),
        ("7eib", 7 << 60),
        ("1yb", 1 << 80),
    ],
)
def test_sizes(size: str, count: int) -> None:
    assert size_in_bytes(size) == count


@pytest.mark.parametrize("size", ["1.5MB", "-3kb", "1e3", "KB", "5XB", ""])
def test_what_is_no_size_is_a_mistake_in_the_recipe(size: str) -> None:
    with pytest.raises(RecipeError, match="max_size: must be a whole number of bytes with a unit"):
        load_recipe({"process": [{"image_size_filter": {"max_size": size}}]})
