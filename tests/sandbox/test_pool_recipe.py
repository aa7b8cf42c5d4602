"""A pool's recipe, run: what it keeps is what was counted."""

from __future__ import annotations

import duckdb
import pytest

from dj_assets.errors import UserError
from dj_assets.recipe.gallery import find_gallery
from dj_assets.sandbox.pool_recipe import pool_recipe
from dj_assets.subset import Options, Subset, run_recipe

FILTERED = """
asset:
  subset: toy
  group: mine
  source: {paths: data/toy.jsonl}
  sandbox: {hook: hook.yaml, of: kept}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 20}
  - alphanumeric_filter: {min_ratio: 0.5, reversed_range: false}
  - document_deduplicator:
"""


def kept_rows(database) -> list[tuple[int, int]]:
    query = "SELECT row FROM stats ANTI JOIN dropped USING (shard, row) ORDER BY row"
    with duckdb.connect(str(database), read_only=True) as connection:
        return [row for (row,) in connection.execute(query).fetchall()]


@pytest.mark.parametrize("name", ["text_len_low", "text_len_high", "alnum_ratio_low", "alnum_ratio_high"])
def test_the_recipe_of_a_third_keeps_its_values(toy, name):
    sandbox = toy.sandbox()
    sandbox.probe()
    entry = sandbox.entry(name)
    path = toy.root / "pool.yaml"
    path.write_text(pool_recipe(sandbox, name))
    result = run_recipe(path, [toy.root / "data/toy.jsonl"], toy.root / "out", workers=1)
    assert result.samples_out == entry.value_count
    if entry.value_count == entry.rank_count:
        with duckdb.connect(str(sandbox.run.layout.database), read_only=True) as connection:
            _, rows = entry.pool.positions(connection)
        assert kept_rows(result.database) == rows.tolist()
    else:
        assert f"{entry.value_count - entry.rank_count:,} more than the pool by rank" in path.read_text()


def test_an_intersection_becomes_an_asset(toy):
    sandbox = toy.sandbox()
    thirds = [e.pool.thirds[0] for e in sandbox.probe().entries if e.pool.name in {"text_len_high", "alnum_ratio_low"}]
    sandbox.combine(thirds)
    text = pool_recipe(sandbox, "top-text_len_high+alnum_ratio_low")
    (toy.root / "recipes/mine/found.yaml").write_text(text)
    recipe = find_gallery((toy.root / "recipes",)).recipes["toy_text_len_high_alnum_ratio_low"]
    assert recipe.name == "mine/toy_text_len_high_alnum_ratio_low"
    result = Subset.of_asset(recipe, Options(workers=1)).run()
    assert result.samples_out == sandbox.entry("top-text_len_high+alnum_ratio_low").value_count == 10


def test_a_pool_of_kept_samples_keeps_the_whole_recipe(toy):
    toy.write_recipe(text=FILTERED)
    toy.refine()
    sandbox = toy.sandbox()
    assert sandbox.probe().without == {"alnum_ratio": "constant: every value is 1"}
    entry = sandbox.entry("text_len_mid")
    path = toy.root / "pool.yaml"
    path.write_text(pool_recipe(sandbox, "text_len_mid"))
    assert "document_deduplicator" in path.read_text()
    result = run_recipe(path, [toy.root / "data/toy.jsonl"], toy.root / "out", workers=1)
    assert result.samples_out == entry.value_count == entry.rank_count


def test_a_random_pool_has_no_recipe(toy):
    sandbox = toy.sandbox()
    sandbox.probe()
    with pytest.raises(UserError, match="random is no intersection of thirds"):
        pool_recipe(sandbox, "random")
