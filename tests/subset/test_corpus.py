"""Two passes: what is counted over all shards, by whom it is rewritten, and what is measured again when."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dj_assets
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.measure.progress import silent
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import Options, Subset
from dj_assets.subset.context import SubsetContext
from dj_assets.subset.corpus import frequent_keys
from dj_assets.subset.deduplicating import deduplicate
from dj_assets.subset.measuring import measure_subset
from dj_assets.subset.refining import refine
from tests.documents import documents, write_jsonl
from tests.test_subset import contents, rows


def lines(threshold: int = 2) -> dict:
    return {"document_line_deduplicator": {"frequency_threshold": threshold}}


def records(count: int = 240) -> list[dict]:
    """Documents of several lines; some lines stand in many of them, some are long, some documents fail to load."""
    made = documents(count, words=8)
    for number, record in enumerate(made):
        if record["text"] is not None:
            record["text"] += f"\nmenu {number % 40}\nfooter {number % 7}\nown line {number}\nfooter {number % 7}"
        record["id"] = str(number)
    return made


def texts(output: Path) -> dict[str, str]:
    return {row["id"]: row["text"] for row in rows(output / "cleaned.parquet")}


def without_frequent(made: list[dict], threshold: int) -> dict[str, str]:
    """Say the same in three lines of Python."""
    split = {record["id"]: record["text"].split("\n") for record in made if record["text"] is not None}
    count = Counter(line.strip() for own in split.values() for line in {line.strip(): line for line in own})
    return {
        name: "\n".join(line for line in own if len(line.strip()) < 2 or count[line.strip()] <= threshold)
        for name, own in split.items()
    }


def run(tmp_path: Path, name: str, parts: list[list[dict]], workers: int = 1) -> Path:
    sources = [write_jsonl(tmp_path / name / f"{n}.jsonl", part) for n, part in enumerate(parts)]
    process = {"process": [lines(), {"text_length_filter": {"min_len": 9}}]}
    dj_assets.run_recipe(process, sources, tmp_path / name / "out", workers=workers)
    return tmp_path / name / "out"


def test_counts_go_over_all_shards_whatever_their_number_and_that_of_the_workers(tmp_path, monkeypatch):
    made = records()
    wanted = without_frequent(made, 2)
    one = run(tmp_path, "one", [made])
    assert texts(one) == wanted
    assert any(text.count("\n") == 3 for text in wanted.values()) is False
    assert texts(run(tmp_path, "many", [made[:50], [made[50]], made[51:]])) == wanted
    assert contents(run(tmp_path, "pool", [made], workers=2)) == contents(one)
    monkeypatch.setattr("dj_assets.settings.BATCH_BYTES", 500)
    assert contents(run(tmp_path, "small", [made])) == contents(one)


def test_only_samples_kept_so_far_are_counted(tmp_path):
    made = [{"id": str(n), "text": f"header\n{'x' * n}"} for n in range(2, 8)]
    source = write_jsonl(tmp_path / "a.jsonl", made)
    short = {"text_length_filter": {"min_len": 1, "max_len": 11}}

    def first_lines(*process):
        dj_assets.run_recipe({"process": list(process)}, [source], tmp_path / "out", workers=1, overwrite=True)
        return [text.split("\n")[0] for text in texts(tmp_path / "out").values()]

    assert set(first_lines(short, lines(2))) == {"xx", "xxx", "xxxx", "xxxxx", "xxxxxx", "xxxxxxx"}
    assert set(first_lines(short, lines(3))) == {"header"}
    assert set(first_lines(lines(3), short)) == {"xx", "xxx", "xxxx", "xxxxx", "xxxxxx", "xxxxxxx"}


def test_duplicates_dropped_before_are_not_counted(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "same\nlines"}] * 3 + [{"text": "same\nother"}])
    dj_assets.run_recipe({"process": ["document_deduplicator", lines(1)]}, [source], tmp_path / "out", workers=1)
    assert [row["text"] for row in rows(tmp_path / "out/refined/part-00000.parquet")] == ["lines", "other"]


def test_two_of_them_count_one_after_the_other(tmp_path):
    made = [{"text": "a b\nc 1"}, {"text": "a b\nc 2"}, {"text": "c 3"}]
    source = write_jsonl(tmp_path / "a.jsonl", made)
    second = {"document_line_deduplicator": {"frequency_threshold": 2, "ignore_special_character": True}}
    process = [lines(1), "whitespace_normalization_mapper", {**second}]
    second["document_line_deduplicator"]["min_line_length"] = 1
    result = dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1)
    assert [row["text"] for row in rows(result.refined[0])] == ["", "", ""]
    assert [step.operator for step in result.funnel][::2] == [
        "document_line_deduplicator",
        "document_line_deduplicator_2",
    ]


class Home:
    """One subset in a data home, run with changing recipes."""

    def __init__(self, folder: Path, made: list[dict]) -> None:
        self.layout = Layout.home(folder / "home")
        self.source = write_jsonl(folder / "a.jsonl", made)

    def subset(self, *process) -> Subset:
        return Subset(load_recipe({"process": list(process)}), [self.source], self.layout, Options(workers=1))

    def times(self) -> tuple[int, int]:
        """When the samples were counted, and when they were measured."""
        counted = self.layout.counting("document_line_deduplicator")
        return counted.manifest(0).stat().st_mtime_ns, self.layout.manifest(0).stat().st_mtime_ns


def test_a_new_threshold_measures_again_but_does_not_read_the_samples_to_count_them(tmp_path):
    home = Home(tmp_path, records())
    home.subset({"text_length_filter": {"min_len": 1}}, lines(10)).run()
    counted, measured = home.times()
    assert not home.subset({"text_length_filter": {"min_len": 1}}, lines(10)).measure().files_measured
    for process in [
        ({"text_length_filter": {"min_len": 1}}, lines(2)),
        ({"text_length_filter": {"min_len": 90}}, lines(2)),
    ]:
        assert home.subset(*process).measure().files_measured == 1
        assert home.times()[0] == counted
        assert home.times()[1] > measured


def test_a_shard_is_measured_again_where_other_shards_make_other_lines_frequent(tmp_path):
    sources = [write_jsonl(tmp_path / f"{n}.jsonl", [{"text": "menu\nx"}]) for n in range(3)]

    def measured(**changes: str) -> int:
        for name, text in changes.items():
            write_jsonl(tmp_path / f"{name[1:]}.jsonl", [{"text": text}])
        recipe = load_recipe({"process": [lines(2)]})
        return Subset(recipe, sources, Layout.home(tmp_path / "home"), Options(workers=1)).measure().files_measured

    assert measured() == 3
    assert measured(_2="menu\nlonger") == 1
    assert measured(_2="other") == 3
    assert measured() == 0


def test_steps_alone_find_what_was_counted_or_say_that_it_was_not(tmp_path):
    home = Home(tmp_path, records())
    with pytest.raises(UserError, match="not measured yet"):
        home.subset(lines()).refine()
    home.subset(lines()).measure()
    home.subset(lines()).deduplicate()
    assert home.subset(lines()).refine().samples_out > 200
    write_jsonl(home.source, records(100))
    with pytest.raises(UserError, match="has changed since"):
        home.subset(lines()).refine()


def test_a_recipe_without_it_leaves_no_files_of_it(tmp_path):
    home = Home(tmp_path, records(20))
    home.subset("text_length_filter").run()
    assert not (home.layout.work / "counted").exists()


KEYS = st.lists(st.integers(0, 5) | st.integers(2**64 - 4, 2**64 - 1), max_size=4, unique=True)


@settings(deadline=None)
@given(shards=st.lists(st.lists(st.none() | KEYS, max_size=6), min_size=1, max_size=3), data=st.data())
def test_frequent_keys_are_those_of_a_counter(tmp_path_factory, shards, data):
    folder = tmp_path_factory.mktemp("keys")
    files = [folder / f"{n}.parquet" for n in range(len(shards))]
    for file, shard in zip(files, shards, strict=True):
        pq.write_table(pa.table({"keys": pa.array(shard, pa.list_(pa.uint64()))}), file)
    samples = [keys or [] for shard in shards for keys in shard]
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=len(samples), max_size=len(samples))), bool)
    count = Counter(key for lives, keys in zip(alive, samples, strict=True) if lives for key in keys)
    for threshold in (0, 1):
        wanted = sorted(key for key, number in count.items() if number > threshold)
        for at_once in (2, 1 << 20):
            assert frequent_keys(files, "keys", alive, threshold, at_once)[0].tolist() == wanted


def test_no_step_changes_what_it_takes(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", records(40))
    recipe = load_recipe({"process": [lines(), {"text_length_filter": {"min_len": 9}}]})
    subset = SubsetContext(recipe, [source], Layout.home(tmp_path / "home"), Options(workers=1))
    cached = {"groups": subset.groups, "reference": subset.reference}
    before = dict(vars(subset))
    measured = measure_subset(subset, silent)
    decided = deduplicate(subset)
    result = refine(subset, {"measure": measured.seconds, "deduplicate": decided.seconds})
    assert (result.samples_in, result.reused) == (40, False)
    assert vars(subset) == before | cached


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sentence_stays_in_the_first_living_sample_of_all_files(tmp_path, workers):
    from dj_assets.analysis.explain import explain
    from dj_assets.recipe.plan import make_plan

    shared = "This is the one sentence that all of them share."
    parts = [
        [{"id": "short", "text": shared}, {"id": "first", "text": f"{shared} Here it stays."}],
        [{"id": "later", "text": f"Here it goes. {shared}"}, {"id": "twice", "text": f"{shared} And {shared}"}],
    ]
    sources = [write_jsonl(tmp_path / f"{n}.jsonl", part) for n, part in enumerate(parts)]
    sentences = {"document_sentence_deduplicator": {"num_sentences": 1}}
    recipe = {"process": [{"text_length_filter": {"min_len": len(shared) + 1}}, sentences]}
    result = dj_assets.run_recipe(recipe, sources, tmp_path / "out", workers=workers)
    assert texts(tmp_path / "out") == {
        "short": "", "first": f"{shared} Here it stays.", "later": "Here it goes.", "twice": f"And {shared}",
    }  # fmt: skip
    (trace,) = explain(make_plan(load_recipe(recipe)), Layout.output(tmp_path / "out"), result.manifest, "later")
    assert trace.steps[1].details[-1] == f"cuts {shared!r}, which stays in first"
    chunks = {"text_chunk_mapper": {"max_len": 20}}
    with pytest.raises(UserError, match="keeps the first of several samples, but text_chunk_mapper before it"):
        load_recipe({"process": [chunks, sentences]})
