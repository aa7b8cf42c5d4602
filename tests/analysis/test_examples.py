from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.analysis.examples import dropped_examples
from dj_assets.home.layout import Layout
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult

Small = tuple[Plan, RunResult]


def test_every_operator_shows_a_few_spread_over_what_it_dropped(small: Small) -> None:
    plan, result = small
    examples = dropped_examples(result.database, Layout.output(result.folder), plan)
    assert [(e.operator, e.id, e.quarantined) for e in examples] == [
        ("load", "s099", False),
        ("load", "small.jsonl:100", True),
        ("text_length_filter", "s060", False),
        ("text_length_filter", "s072", False),
        ("text_length_filter", "s084", False),
        ("alphanumeric_filter", "s085", False),
        ("alphanumeric_filter", "s090", False),
        ("alphanumeric_filter", "s094", False),
        ("document_simhash_deduplicator", "s095", False),
        ("document_simhash_deduplicator", "s097", False),
        ("document_simhash_deduplicator", "s098", False),
    ]


def test_an_example_says_why_and_what(small: Small) -> None:
    plan, result = small
    examples = {e.id: e for e in dropped_examples(result.database, Layout.output(result.folder), plan, width=20)}
    long = examples["s084"]
    assert (long.reason, long.value) == ("above max_len 400", 599.0)
    assert long.excerpt == "word4 word4 word4 w…"
    twin = examples["s095"]
    assert (twin.kept_id, twin.value, twin.kept_excerpt) == ("s000", None, "document 0 speaks o…")
    assert twin.excerpt == twin.kept_excerpt
    broken = examples["small.jsonl:100"]
    assert broken.excerpt == ""
    assert broken.reason


@pytest.mark.parametrize("per_operator", [0, 1, 2, 7, 100])
def test_as_many_as_wanted_and_always_the_same(small: Small, per_operator: int) -> None:
    plan, result = small
    layout = Layout.output(result.folder)
    examples = dropped_examples(result.database, layout, plan, per_operator)
    assert sum(e.operator == "text_length_filter" for e in examples) == min(per_operator, 25)
    assert sum(e.operator == "document_simhash_deduplicator" for e in examples) == min(per_operator, 4)
    assert dropped_examples(result.database, layout, plan, per_operator) == examples


def test_only_row_groups_with_an_example_are_read(small: Small, tmp_path: Path) -> None:
    plan, result = small
    layout = Layout.output(result.folder)
    expected = dropped_examples(result.database, layout, plan)
    copy = Layout(tmp_path, result.folder)
    copy.measured("cleaned", 0).parent.mkdir(parents=True)
    rows = {int(e.id[1:]) for e in expected if not e.quarantined and e.operator != "load"} | {0}
    spoil(layout.measured("cleaned", 0), copy.measured("cleaned", 0), needed=rows)
    assert dropped_examples(result.database, copy, plan) == expected
    # the control: what is spoiled cannot be read
    shutil.copy(copy.measured("cleaned", 0), tmp_path / "spoiled.parquet")
    with pytest.raises((OSError, pa.ArrowException)):
        pq.read_table(tmp_path / "spoiled.parquet", columns=["text"])


def spoil(source: Path, target: Path, needed: set[int]) -> None:
    """Write a shard in row groups of two, and overwrite the texts of those that hold no needed row."""
    table = pq.read_table(source)
    pq.write_table(table, target, row_group_size=2, compression="zstd")
    content = bytearray(target.read_bytes())
    metadata = pq.read_metadata(target)
    place = table.schema.get_field_index("text")
    spoiled = 0
    for group in range(metadata.num_row_groups):
        if not needed & set(table["row"][2 * group : 2 * group + 2].to_pylist()):
            column = metadata.row_group(group).column(place)
            pages = [offset for offset in (column.dictionary_page_offset, column.data_page_offset) if offset]
            start = min(pages)
            content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
            spoiled += 1
    assert spoiled > 30
    target.write_bytes(content)


def test_without_the_measured_texts_there_are_no_excerpts(small: Small, tmp_path: Path) -> None:
    plan, result = small
    examples = dropped_examples(result.database, Layout(tmp_path, result.folder), plan)
    assert len(examples) == 11
    assert {e.excerpt for e in examples} == {""}
