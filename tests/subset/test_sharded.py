"""A sharded subset without Dagster: shard by shard, in any grouping, it is the same as one big file."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from dj_assets.errors import RecipeError, SourceError, UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset
from dj_assets.subset.locks import one_shard, whole_subset
from tests.documents import documents, write_jsonl

PROCESS = [
    "whitespace_normalization_mapper",
    {"text_length_filter": {"min_len": 20}},
    {"document_simhash_deduplicator": {"window_size": 3}},
]
CHILDREN = [
    *PROCESS[:2],
    {"text_chunk_mapper": {"max_len": 40, "split_pattern": " "}},
    PROCESS[2],
    {"text_length_filter": {"min_len": 10}},
    {"topk_specified_field_selector": {"field_key": "__dj__stats__.text_len", "top_ratio": 0.6}},
]
GROUPS = [
    *PROCESS,
    {"key_value_grouper": {"group_by_keys": ["kind"]}},
    "join_text_aggregator",
    {"text_chunk_mapper": {"max_len": 200, "split_pattern": " "}},
    {"text_length_filter": {"min_len": 190}},
]
RECORDS = [
    {"id": f"d{number}", "kind": "abc"[number % 3]} | record for number, record in enumerate(documents(300, words=20))
]


def split(folder: Path, sizes: list[int], ending: str = "jsonl") -> list[Path]:
    """Write all records into files of so many records each, in their natural order."""
    starts = [0, *itertools.accumulate(sizes)]
    return [
        write_jsonl(folder / f"part-{number}.{ending}", RECORDS[start:end])
        for number, (start, end) in enumerate(itertools.pairwise(starts))
    ]


def opened(folder: Path, per_shard: int = 1, workers: int = 1, process: list | None = None, **more: object) -> Subset:
    """Open the subset whose source lies in `source` of a folder, and whose home beside it."""
    block = {"subset": "notes", "group": "mine", "shards": {"files": per_shard}, **more}
    recipe = load_recipe({"process": process or PROCESS, "asset": block})
    return Subset(recipe, [folder / "source/*"], Layout.home(folder / "home"), Options(workers=workers))


def names(subset: Subset) -> list[str]:
    return [group.name for group in subset.groups]


def refine_all(folder: Path, **how: object) -> tuple[list[str], Subset]:
    """Measure every shard, in no particular order, deduplicate and refine; return the names of the refined."""
    subset = opened(folder, **how)
    for name in random.Random(1).sample(names(subset), len(names(subset))):
        opened(folder, **how).measure(shard=name)
    opened(folder, **how).deduplicate()
    waiting = names(subset)
    random.Random(2).shuffle(waiting)
    for name in waiting:
        result = opened(folder, **how).refine_shard(name)
    assert result.published
    return waiting, subset


def outcome(subset: Subset) -> tuple[dict[str, str], dict[str, tuple]]:
    """Return the kept texts by id, and reason and kept duplicate of the dropped."""
    manifest = newest_run(subset.layout)
    parts = [pq.read_table(subset.layout.refined / part.name) for part in manifest.refined]
    kept = {row["__dj_id__"]: row["text"] for part in parts for row in part.to_pylist()}
    with duckdb.connect(str(subset.layout.database), read_only=True) as connection:
        query = "SELECT id, operator, reason, value, kept_id FROM dropped"
        dropped = {row[0]: tuple(row[1:]) for row in connection.execute(query).fetchall()}
    ended = len(kept) + len(dropped) + manifest.quarantined + manifest.expanded + manifest.grouped
    assert manifest.samples_in + manifest.created == ended
    return kept, dropped


@pytest.fixture(scope="module")
def one_big_file(tmp_path_factory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp("one")
    split(folder / "source", [len(RECORDS)])
    return outcome(refine_all(folder)[1])


@pytest.mark.parametrize(
    ("seed", "files", "per_shard", "workers"), [(1, 7, 1, 1), (2, 12, 5, 2), (3, 5, 2, 4), (4, 23, 23, 1)]
)
def test_any_grouping_and_any_number_of_workers_equal_one_big_file(
    tmp_path, one_big_file, seed, files, per_shard, workers
):
    cuts = sorted(random.Random(seed).sample(range(1, len(RECORDS)), files - 1))
    split(tmp_path / "source", [b - a for a, b in itertools.pairwise([0, *cuts, len(RECORDS)])])
    refined, subset = refine_all(tmp_path, per_shard=per_shard, workers=workers)
    assert len(refined) == -(-files // per_shard)
    assert outcome(subset) == one_big_file


def test_children_and_selections_in_shards_equal_one_big_file(tmp_path):
    split(tmp_path / "one/source", [len(RECORDS)])
    split(tmp_path / "many/source", [70, 30, 150, 50])
    _, subset = refine_all(tmp_path / "many", per_shard=2, process=CHILDREN)
    whole = outcome(refine_all(tmp_path / "one", process=CHILDREN)[1])
    assert outcome(subset) == whole
    assert all(len(ended) > 100 for ended in whole)


def test_groups_over_all_shards_equal_those_of_one_big_file(tmp_path):
    split(tmp_path / "one/source", [len(RECORDS)])
    split(tmp_path / "many/source", [70, 30, 150, 50])
    _, subset = refine_all(tmp_path / "many", process=GROUPS)
    assert outcome(subset) == outcome(refine_all(tmp_path / "one", process=GROUPS)[1])
    # a shard more, and other members
    write_jsonl(tmp_path / "many/source/part-9.jsonl", [{"id": "new", "text": "a new text of a kind", "kind": "d"}])
    moved = [*GROUPS[:1], {"text_length_filter": {"min_len": 5}}, *GROUPS[2:-1]]
    for steps in (GROUPS, moved):
        refine_all(tmp_path / "many", process=steps)
        manifest = newest_run(opened(tmp_path / "many", process=steps).layout)
        assert manifest.funnel[3].created == len({record["kind"] for record in RECORDS}) + 1
        assert manifest.samples_in == len(RECORDS) + 1


def test_whole_at_once_equals_shard_by_shard(tmp_path, one_big_file):
    split(tmp_path / "source", [100] * 3)
    subset = opened(tmp_path, per_shard=2)
    subset.run()
    assert outcome(subset) == one_big_file


def test_nothing_is_published_before_the_last_shard_is_refined(tmp_path):
    split(tmp_path / "source", [100] * 3)
    subset = opened(tmp_path)
    for name in names(subset):
        subset.measure(shard=name)
    subset.deduplicate()
    first = subset.refine_shard("part-0")
    assert (first.published, first.waited_for) == (None, ("part-1", "part-2"))
    assert not subset.layout.database.exists()
    assert subset.refine_shard("part-2").waited_for == ("part-1",)
    last = subset.refine_shard("part-1")
    assert last.published.samples_in == 300
    assert first.samples_out + last.samples_out < last.published.samples_out
    assert list(subset.layout.pending.iterdir()) == []
    assert subset.refine_shard("part-1").published.reused


def test_a_new_shard_in_front_measures_no_other_and_changes_only_those_with_duplicates(tmp_path, one_big_file):
    late, *early = split(tmp_path / "source", [30] * 10)
    aside = late.rename(tmp_path / late.name)
    _, subset = refine_all(tmp_path)
    before = opened(tmp_path).deduplicate().outcomes
    files = {path: path.stat().st_mtime_ns for path in (subset.layout.work / "stats").iterdir()}
    parts = {path.name: path.stat().st_ino for path in subset.layout.refined.iterdir()}
    kept_before = outcome(subset)[0]

    aside.rename(late)
    arrived = opened(tmp_path)
    assert sorted(names(arrived)) == sorted([f"part-{n}" for n in range(10)])
    with pytest.raises(UserError, match="shard part-0 is new or has changed; materialize mine/notes_stats first"):
        arrived.refine_shard("part-0")
    assert arrived.measure(shard="part-0").files_measured == 1
    after = arrived.deduplicate().outcomes
    changed = {path for path in before if before[path].version != after[path].version}
    lost = {row for row in kept_before if row not in one_big_file[0]}
    assert 0 < len(changed) < 9
    assert changed == {str(path) for path in early if lost & {record["id"] for record in read(path)}}

    for path in [str(late), *changed]:
        result = opened(tmp_path).refine_shard(Path(path).stem)
    assert result.published
    assert outcome(subset) == one_big_file
    now = {path: path.stat().st_mtime_ns for path in (subset.layout.work / "stats").iterdir()}
    assert {path: now[path] for path in files} == files, "nothing is measured again"
    numbers = {shard.path: shard.number for shard in result.published.manifest.files}
    assert numbers[str(late)] == 9, "nothing is renumbered"
    untouched = {f"part-{numbers[path]:05d}.parquet" for path in before if path not in changed}
    assert all((subset.layout.refined / name).stat().st_ino == parts[name] for name in untouched)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_broken_shard_loses_no_other_and_is_measured_alone_once_it_is_mended(tmp_path, one_big_file):
    paths = split(tmp_path / "source", [60] * 5, "jsonl.gz")
    whole = paths[2].read_bytes()
    paths[2].write_bytes(whole[: len(whole) // 2])
    subset = opened(tmp_path)
    for name in names(subset):
        if name == "part-2":
            with pytest.raises(SourceError, match=r"part-2\.jsonl\.gz: .*incomplete or damaged"):
                subset.measure(shard=name)
        else:
            subset.measure(shard=name)
    found = opened(tmp_path).deduplicate()
    assert (found.missing, len(found.outcomes)) == (("part-2",), 4)
    for name in ("part-0", "part-1", "part-3", "part-4"):
        result = opened(tmp_path).refine_shard(name)
    assert (result.published.samples_in, result.published.manifest.missing_shards) == (240, ("part-2",))

    paths[2].write_bytes(whole)
    resumed = opened(tmp_path)
    counts = [resumed.measure(shard=name).files_measured for name in names(resumed)]
    assert counts == [0, 0, 1, 0, 0]
    stale = opened(tmp_path).deduplicate()
    assert stale.missing == ()
    for name in names(resumed):
        opened(tmp_path).refine_shard(name)
    assert outcome(resumed) == one_big_file
    assert not newest_run(resumed.layout).missing_shards


def test_a_file_that_leaves_is_reported_and_takes_its_samples_with_it(tmp_path):
    paths = split(tmp_path / "source", [100] * 3)
    refine_all(tmp_path)
    paths[1].unlink()
    subset = opened(tmp_path)
    assert names(subset) == ["part-0", "part-2"]
    assert opened(tmp_path).deduplicate().removed == ("part-1.jsonl",)
    with pytest.raises(UserError, match="has no shard 'part-1'; its files are gone"):
        subset.refine_shard("part-1")
    for name in names(subset):
        result = subset.refine_shard(name)
    assert result.published.samples_in == 200
    assert sorted(path.name for path in (subset.layout.work / "stats").iterdir()) == ["00000.parquet", "00002.parquet"]


def test_a_touched_file_is_the_same_also_from_the_future(tmp_path):
    path, other = split(tmp_path / "source", [100, 200])
    _, subset = refine_all(tmp_path)
    in_ten_years = path.stat().st_mtime + 10 * 365 * 86400
    os.utime(path, (in_ten_years, in_ten_years))
    again = opened(tmp_path)
    assert again.measure(shard="part-0").files_measured == 0
    assert again.deduplicate().data_version == opened(tmp_path).deduplicate().data_version
    assert again.refine_shard("part-0").published.reused
    other.write_bytes(path.read_bytes().replace(b"d1", b"e1"))
    os.utime(other, (1, 1))
    changed = opened(tmp_path)
    with pytest.raises(UserError, match="materialize mine/notes_stats first"):
        changed.refine_shard("part-1")
    assert changed.measure(shard="part-1").files_measured == 1


def test_a_file_that_changes_while_it_is_read_keeps_what_was_measured_before(tmp_path):
    path, _ = split(tmp_path / "source", [100, 200])
    subset = opened(tmp_path)
    subset.measure(shard="part-0")
    write_jsonl(path, RECORDS[:150])
    meddling = opened(tmp_path)

    def touch(_: object) -> None:
        os.utime(path, (1, 1))

    with pytest.raises(SourceError, match="was changed while it was read"):
        meddling.measure(touch, shard="part-0")
    assert json.loads(subset.layout.manifest(0).read_text())["records"] == 100
    assert opened(tmp_path).measure(shard="part-0").samples == 150


def test_several_shards_are_worked_at_at_once_but_none_twice(tmp_path):
    split(tmp_path / "source", [100] * 3)
    subset = opened(tmp_path)
    with one_shard(subset.layout, "part-0"):
        assert subset.measure(shard="part-1").files_measured == 1
        with pytest.raises(UserError, match="shard part-0: another run is at work there"):
            subset.measure(shard="part-0")
        subset.deduplicate()
    with whole_subset(subset.layout), pytest.raises(UserError, match="another run is at work there"):
        subset.deduplicate()


def test_a_new_threshold_needs_no_deduplicate_step(tmp_path):
    split(tmp_path / "source", [150, 150])
    refine_all(tmp_path)
    strict = [PROCESS[0], {"text_length_filter": {"min_len": 120}}, PROCESS[2]]
    first = opened(tmp_path, process=strict).refine_shard("part-0")
    assert first.published is None
    last = opened(tmp_path, process=strict).refine_shard("part-1")
    reference = tmp_path / "reference"
    split(reference / "source", [300])
    expected = opened(reference, process=strict).run()
    assert last.published.samples_out == expected.samples_out


def test_a_recipe_that_counts_the_corpus_cannot_be_sharded(tmp_path):
    split(tmp_path / "source", [150, 150])
    with pytest.raises(RecipeError, match=r"asset\.shards: document_line_deduplicator counts the whole corpus"):
        opened(tmp_path, process=["document_line_deduplicator"]).groups  # noqa: B018


def test_an_empty_shard_is_a_shard(tmp_path):
    split(tmp_path / "source", [300])
    (tmp_path / "source/part-1.jsonl.gz").write_bytes(gzip.compress(b""))
    refined, subset = refine_all(tmp_path)
    assert sorted(refined) == ["part-0", "part-1"]
    assert [part.samples for part in newest_run(subset.layout).refined][1] == 0
