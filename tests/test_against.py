"""A subset deduplicated against a reference set, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

import dj_assets
from dj_assets.analysis.examples import dropped_examples
from dj_assets.analysis.explain import explain
from dj_assets.errors import RecipeError, UserError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset.measured_run import MeasuredRun
from tests.documents import documents, write_jsonl

# Tens of words, so that one word more or less moves few bits of a simhash.
PLACES = "harbour market tower garden station museum bridge valley castle library".split()
TEXTS = [
    " ".join(f"{PLACES[(n + k) % 10]} {n * k} and {PLACES[(n * k + 3) % 10]} number {n}-{k}" for k in range(12))
    for n in range(8)
]
OURS = [
    *({"id": f"own{n}", "text": text} for n, text in enumerate(TEXTS[:6])),
    {"id": "twice", "text": TEXTS[1]},
    {"id": "duplicate of the test", "text": TEXTS[7]},
    {"id": "broken", "text": 5},
]
# The second is too short for our filter; white space differs in the first.
THEIRS = [{"id": "test7", "text": f" {TEXTS[7]}\u00a0"}, {"id": "test2", "text": TEXTS[2]}, {"id": "x", "text": None}]
WHITESPACE = "whitespace_normalization_mapper"
EXACT, SIMHASH, MINHASH = (f"document_{kind}deduplicator" for kind in ("", "simhash_", "minhash_"))


@pytest.fixture
def files(tmp_path):
    return write_jsonl(tmp_path / "train.jsonl", OURS), write_jsonl(tmp_path / "test.jsonl", THEIRS)


def run(files: tuple[Path, Path], output: Path, process=(WHITESPACE, EXACT), **options):
    train, test = files
    return dj_assets.run_recipe({"process": list(process)}, [train], output, against=[test], **options)


def table(result, query: str) -> list[tuple]:
    with duckdb.connect(str(result.database), read_only=True) as connection:
        return connection.execute(query).fetchall()


DUPLICATES = "SELECT id, kept_id, against, cluster_size, distance FROM duplicates ORDER BY row"


@pytest.mark.parametrize("deduplicator", [EXACT, SIMHASH, MINHASH])
def test_samples_of_the_reference_drop_ours_and_are_never_counted(files, tmp_path, deduplicator):
    result = run(files, tmp_path / "out", (WHITESPACE, deduplicator))
    assert (result.samples_in, result.samples_out, result.dropped, result.quarantined) == (9, 5, 3, 1)
    assert table(result, DUPLICATES) == [
        ("own2", "test2", "test.jsonl", 2, 0.0),
        ("twice", "own1", None, 2, 0.0),
        ("duplicate of the test", "test7", "test.jsonl", 2, 0.0),
    ]
    assert table(result, "SELECT reason, kept_id FROM dropped ORDER BY row") == [
        ("duplicate of test2 in test.jsonl (against)", "test2"),
        ("duplicate of own1", "own1"),
        ("duplicate of test7 in test.jsonl (against)", "test7"),
    ]
    assert table(result, "SELECT count(*) FROM stats") == [(8,)]
    against = result.manifest.against
    assert (against.samples, against.dropped) == (3, 2)
    assert [step.dropped_against for step in result.funnel] == [0, 2]
    assert json.loads((tmp_path / "out/funnel.json").read_text())[1]["dropped_against"] == 2


def test_what_our_filters_would_drop_counts_in_the_reference(files, tmp_path):
    kept_by_none = {"text_length_filter": {"min_len": len(TEXTS[2]) + 1}}
    late = run(files, tmp_path / "late", (WHITESPACE, kept_by_none, EXACT))
    ids = {row[0] for row in table(late, "SELECT id FROM dropped WHERE operator LIKE '%length%'")}
    assert "own2" in ids, "ours are judged before the deduplicator"
    assert len(TEXTS[7]) > len(TEXTS[2])
    early = run(files, tmp_path / "early", (WHITESPACE, EXACT, kept_by_none))
    assert ("own2", "test2") in table(early, "SELECT id, kept_id FROM duplicates")


def test_a_chain_goes_through_the_reference(tmp_path):
    process = [{"document_simhash_deduplicator": {"window_size": 1, "tokenization": "character"}}]
    chain = ["a" * 20 + "b" * n for n in range(30)]
    ends = write_jsonl(tmp_path / "ends.jsonl", [{"id": n, "text": chain[n]} for n in (0, 29)])
    middle = write_jsonl(tmp_path / "middle.jsonl", [{"id": f"m{n}", "text": chain[n]} for n in range(1, 29)])
    alone = dj_assets.run_recipe({"process": process}, [ends], tmp_path / "alone")
    assert alone.samples_out == 2
    against = run((ends, middle), tmp_path / "against", process)
    assert against.samples_out == 0
    assert {row[2] for row in table(against, DUPLICATES)} == {"middle.jsonl"}


def test_a_changed_reference_measures_nothing_of_ours_anew(files, tmp_path):
    first = run(files, tmp_path / "out")
    ours, theirs = (
        layout.measured("signatures", 0)
        for layout in (Layout.output(first.folder), Layout.output(first.folder).against)
    )
    before = ours.stat().st_mtime_ns, theirs.stat().st_mtime_ns
    assert run(files, tmp_path / "out").reused
    write_jsonl(files[1], THEIRS[:1])
    second = run(files, tmp_path / "out")
    assert not second.reused
    assert second.samples_out == first.samples_out + 1
    assert ours.stat().st_mtime_ns == before[0]
    assert theirs.stat().st_mtime_ns != before[1]
    before = theirs.stat().st_mtime_ns
    run(files, tmp_path / "out", (WHITESPACE, EXACT, "alphanumeric_filter"), overwrite=True)
    assert theirs.stat().st_mtime_ns == before, "filters are not measured of the reference"
    moved = run(files, tmp_path / "out", ("alphanumeric_filter", WHITESPACE, EXACT), overwrite=True)
    assert moved.samples_out == second.samples_out


def test_a_killed_run_goes_on(files, tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dj_assets.subset.deduplicating.load_population", killed)
        run(files, tmp_path / "out")
    measured = Layout.output(tmp_path / "out").against.measured("signatures", 0)
    before = measured.stat().st_mtime_ns
    result = run(files, tmp_path / "out")
    assert (result.samples_out, measured.stat().st_mtime_ns) == (5, before)


def test_shards_and_workers_do_not_matter(tmp_path):
    reference = documents(120, seed=3)
    ours = documents(200) + reference[::5]

    def split(name: str, records: list[dict], parts: int) -> list[Path]:
        size = -(-len(records) // parts)
        return [
            write_jsonl(tmp_path / f"{name}{parts}-{n}.jsonl", records[n * size : (n + 1) * size]) for n in range(parts)
        ]

    ids = []
    for parts, workers in ((1, 1), (3, 2)):
        result = dj_assets.run_recipe(
            {"process": [WHITESPACE, {SIMHASH: {"window_size": 3}}]},
            split("ours", ours, parts),
            tmp_path / f"out{parts}",
            against=split("theirs", reference, parts),
            workers=workers,
        )
        ordered = "SELECT row_number() OVER (ORDER BY shard, row) AS number, shard, row FROM stats"
        ids.append(table(result, f"SELECT number FROM ({ordered}) JOIN dropped USING (shard, row) ORDER BY number"))
        assert result.manifest.against.dropped >= 20
    assert ids[0] == ids[1]


def test_a_kept_duplicate_in_the_reference_is_shown(files, tmp_path):
    result = run(files, tmp_path / "out")
    layout, plan = Layout.output(result.folder), make_plan(load_recipe({"process": [WHITESPACE, EXACT]}))
    (trace,) = explain(plan, layout, newest_run(layout), "duplicate of the test")
    head, same = trace.kept_duplicate
    assert head == (
        "the kept duplicate is test7 in test.jsonl of the reference set "
        "(shard 0, row 0; 2 samples in the cluster, distance 0)"
    )
    assert same == "their cleaned texts are the same"
    shown = {example.id: example for example in dropped_examples(result.database, layout, plan)}
    assert shown["own2"].kept_excerpt == shown["own2"].excerpt != ""


def test_other_thresholds_are_told_with_the_reference(files, tmp_path):
    result = run(files, tmp_path / "out")
    plan = make_plan(load_recipe({"process": [WHITESPACE, EXACT]}))
    measured = MeasuredRun.open(result.folder, plan)
    assert measured.kept(plan).by_recipe == result.samples_out
    assert measured.kept(plan).by_filters == 8


def test_mistakes_are_told_before_data_is_read(files, tmp_path):
    with pytest.raises(RecipeError, match="no deduplicator to work with"):
        run(files, tmp_path / "out", ("text_length_filter",))
    with pytest.raises(UserError, match="is refined and deduplicated against"):
        run((files[0], files[0]), tmp_path / "out")
    with pytest.raises(UserError, match="no such file"):
        run((files[0], tmp_path / "gone.jsonl"), tmp_path / "out")


def test_another_reference_is_another_run(files, tmp_path):
    run(files, tmp_path / "out")
    with pytest.raises(UserError, match="in use by another run"):
        dj_assets.run_recipe({"process": [WHITESPACE, EXACT]}, [files[0]], tmp_path / "out")
    without = dj_assets.run_recipe({"process": [WHITESPACE, EXACT]}, [files[0]], tmp_path / "out", overwrite=True)
    assert (without.samples_out, without.manifest.against) == (7, None)


def test_a_count_over_the_corpus_cannot_stand_beside_a_reference(files, tmp_path):
    with pytest.raises(UserError, match="document_line_deduplicator cannot stand in a recipe that is deduplicated"):
        run(files, tmp_path / "out", process=("document_line_deduplicator", EXACT))
