"""A finished run to try thresholds on: with failures inside an operator, lists, and texts around every bound."""

from __future__ import annotations

from pathlib import Path

import pytest

import dj_assets
from tests.documents import documents, write_jsonl

RECIPE = """\
# thresholds of the test
process:
  - whitespace_normalization_mapper:
  - text_length_filter:     # both ends
      min_len: 20
      max_len: 900
  - fails_on_filter:
      max_sum: 40
  - alphanumeric_filter:
      min_ratio: 0.6        # one end
  - document_simhash_deduplicator:
      window_size: 3
  - special_characters_filter: {max_ratio: 0.25}
custom_operator_paths: [OPERATOR]
"""
# an operator is registered once a process, so copies of the recipe name the same file
OPERATOR = '''
from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.registry import register
from dj_assets.errors import SampleError
import pyarrow as pa


@register("fails_on_filter")
class FailsOnFilter(RangeFilter):
    """Counts the letter a; fails on texts with "qui qui"."""

    bounds = ("min_sum", "max_sum")
    statistics = (Statistic("sum_of_a", pa.int64(), "letters"),)
    min_sum: int = 0
    max_sum: int = 1000

    def measure(self, batch):
        texts = batch.text.to_pylist()
        if any("qui qui" in text for text in texts):
            raise SampleError("qui qui")
        return {"sum_of_a": pa.array([text.count("a") for text in texts], pa.int64())}
'''


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("what_if")
    (folder / "fails_on_filter.py").write_text(OPERATOR)
    (folder / "r.yaml").write_text(RECIPE.replace("OPERATOR", str(folder / "fails_on_filter.py")))
    records = documents(400)
    for number in range(0, 400, 40):
        records[number]["text"] = f"qui qui {'so it goes on and on ' * (number // 20)}"
    source = write_jsonl(folder / "a.jsonl", records)
    result = dj_assets.run_recipe(folder / "r.yaml", [source], folder / "out", workers=1)
    assert result.quarantined > 3
    return folder
