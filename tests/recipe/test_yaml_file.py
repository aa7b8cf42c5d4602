"""Recipes that are made to harm: every one is refused at once, in one line, and no code runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.errors import RecipeError
from dj_assets.recipe.load import load_recipe


def laughs(levels: int) -> str:
    """Return a list that its aliases make nine times as long with every level."""
    lists = ["&a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lists += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return f"[{', '.join(lists)}]"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            f"process: [specified_field_filter: {{field_key: a, target_value: {laughs(40)}}}]",
            "its aliases make more than",
        ),
        ("process: &a [*a]", "an alias contains itself"),
        ("process: [specified_field_filter: {field_key: a, target_value: &a [*a]}]", "an alias contains itself"),
        ("process: " + "[" * 20_000, "nested too deep"),
        ("process: !!python/object/apply:os.mkdir [owned]", "could not determine a constructor for the tag"),
        ("process: !!python/name:os.system", "could not determine a constructor for the tag"),
    ],
    ids=["aliases", "itself", "parameter", "depth", "call", "name"],
)
def test_a_recipe_that_is_made_to_harm_is_refused(content, told, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(RecipeError, match=told) as caught:
        load_recipe(tmp_path / "mine.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: ")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


def test_aliases_of_a_usual_size_are_read(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        "process:\n  - text_length_filter: &bounds {min_len: 5}\n  - text_length_filter: *bounds\n"
    )
    first, second = load_recipe(tmp_path / "mine.yaml").process
    assert first == second
