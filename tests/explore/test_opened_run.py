from __future__ import annotations

import json
import time

import duckdb
import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.explore.labels import read_labels
from dj_assets.explore.opened_run import OpenedRun
from dj_assets.subset.finished import finished_run
from tests.explore.conftest import RECIPE, write_source


def rows(opened, size=200, start=0, **query):
    return opened.answer("page", {"query": query, "size": size, "start": start})


def ids(answer) -> list[str]:
    return [row["id"] for row in answer["rows"]]


def all_ids(opened, **query) -> set[str]:
    return {name for start in (0, 200) for name in ids(rows(opened, start=start, **query))}


def finished(opened, question, asked):
    for _ in range(200):
        answer = opened.answer(question, asked)
        if "pending" not in answer and (not answer.get("search") or answer["search"]["finished"]):
            return answer
        time.sleep(0.02)
    raise TimeoutError(question)


def test_all_samples_are_there_once_with_their_outcomes(opened, made):
    about, listed = opened.about(), [rows(opened, start=start) for start in (0, 200)]
    assert about["samples"] == 302 == sum(len(part["rows"]) for part in listed)
    with duckdb.connect(str(made / "out/stats.duckdb"), read_only=True) as database:
        dropped = dict(database.execute("SELECT (shard, row)::VARCHAR, operator FROM dropped").fetchall())
        assert about["kinds"]["dropped"] == len(dropped)
        assert about["kinds"]["quarantined"] == 1
    kinds = [row["kind"] for part in listed for row in part["rows"]]
    assert {kind: kinds.count(kind) for kind in about["kinds"]} == about["kinds"]
    # samples that were lost while they were loaded have an id, and no statistic
    lost = rows(opened, operators=["load"])["rows"]
    assert [(row["id"], row["values"]) for row in lost] == [("a.jsonl:300", {}), ("a.jsonl:301", {})]


def test_filters_and_order_are_those_of_sql(opened, made):
    with duckdb.connect(str(made / "out/stats.duckdb"), read_only=True) as database:
        query = "SELECT id FROM stats WHERE text_len BETWEEN 100 AND 400 ORDER BY alnum_ratio DESC, row LIMIT 60"
        expected = [name for (name,) in database.execute(query).fetchall()]
        gone = database.execute("SELECT id FROM dropped WHERE operator = 'alphanumeric_filter' ORDER BY row").fetchall()
    found = rows(opened, 60, ranges={"text_len": [100, 400]}, sort="alnum_ratio", descending=True)
    assert ids(found) == expected
    assert ids(rows(opened, operators=["alphanumeric_filter"])) == [name for (name,) in gone] != []
    assert rows(opened, files=[0])["total"] == 302
    assert rows(opened, files=[9])["total"] == 0
    with pytest.raises(UserError, match="no numeric statistic 'size'; it has text_len, "):
        rows(opened, sort="size")
    assert set(ids(rows(opened, 50, seed=3))) != set(ids(rows(opened, 50, seed=4)))


def test_a_search_finds_parts_of_texts_and_can_be_stopped(opened):
    answer = finished(opened, "page", {"query": {"text": "ALERT(1)"}})
    # upper-case letters are compared, lower-case ones are not
    assert answer["total"] == 0
    answer = finished(opened, "page", {"query": {"text": "again another"}})
    assert ids(answer) == ["<b>seven</b>"]
    # the two samples that loading lost have no text
    assert answer["search"] | {"done": 300, "found": 1, "complete": True} == answer["search"]
    scan = opened.scans.text("quick")
    scan.cancel()
    scan.wait(5)
    assert scan.finished
    # what was stopped begins again only when it is asked for
    stopped = opened.answer("cancel", {"query": {"text": "quick"}})["search"]
    assert opened.answer("page", {"query": {"text": "quick"}})["search"] == stopped
    opened.answer("search", {"query": {"text": "quick"}})
    assert finished(opened, "progress", {"query": {"text": "quick"}})["search"]["complete"]


def test_fields_of_the_records_are_filters_and_groups(opened):
    answer = finished(opened, "groups", {"query": {}, "by": "field:lang", "statistic": "text_len"})
    assert {row["name"]: row["all"] for row in answer["rows"]} == {"en": 100, "de": 100, "fr": 100, "(no value)": 2}
    assert rows(opened, names={"field:lang": ["de"]})["total"] == 100
    crossed = finished(opened, "cross", {"query": {}, "rows": "field:lang", "columns": "field:site"})
    assert [sum(line) for line in crossed["all"]] == [100, 100, 100, 2]
    with pytest.raises(UserError, match="no grouping 'colour'"):
        opened.answer("groups", {"query": {}, "by": "colour"})


def test_charts_count_every_sample_once(opened):
    histogram = opened.answer("histogram", {"query": {}, "statistic": "text_len"})
    assert sum(histogram["all"]) + histogram["missing"] == 302
    assert sum(histogram["kept"]) == opened.manifest.samples_out
    scatter = opened.answer("scatter", {"query": {"kinds": ["kept"]}, "x": "text_len", "y": "alnum_ratio"})
    assert sum(map(sum, scatter["all"])) == sum(map(sum, scatter["kept"])) == opened.manifest.samples_out


def test_one_sample_shows_its_changes_its_marks_and_its_duplicate(opened):
    sample = opened.answer("sample", {"position": 7})
    assert (sample["id"], sample["outcome"]["kind"]) == ("<b>seven</b>", "kept")
    marked = [piece["text"] for piece in sample["text"] if "repeated words" in piece["marks"]]
    assert marked == ["another sentence again" + " another sentence again" * 11]
    assert "".join(piece["text"] for piece in sample["text"]).startswith("<img src=x onerror=alert(1)> </script>")
    trace = opened.answer("trace", {"position": 8})
    parts = trace["steps"][0]["parts"]
    assert [part["text"] for part in parts if part["kind"] == "removed"] != []
    before = "".join(part["text"] for part in parts if part["kind"] != "added")
    assert before == "A  text\u00a0with \u3000 white space   everywhere, normalization changes something here."
    duplicates = rows(opened, operators=["document_deduplicator"])["rows"]
    one = opened.answer("sample", {"position": duplicates[0]["position"]})["duplicate"]
    assert opened.answer("sample", {"position": one["position"]})["outcome"]["kind"] == "kept"
    assert any(part["kind"] == "same" for part in one["parts"])


def test_two_runs_lie_on_top_of_each_other(opened):
    (before,) = opened.about()["runs"]
    lost = rows(opened, run=before, change="lost")
    assert lost["total"] > 5
    assert {row["kind"] for row in lost["rows"]} == {"dropped"}
    histogram = opened.answer("histogram", {"query": {}, "statistic": "alnum_ratio", "run": before})
    gained = rows(opened, run=before, change="gained")["total"]
    assert sum(histogram["before"]) - sum(histogram["kept"]) == lost["total"] - gained


def test_moved_thresholds_lose_what_a_run_with_them_drops(tmp_path):
    source = write_source(tmp_path)
    recipe = RECIPE.replace("MIN", "0.5").replace("  - document_deduplicator:\n", "")
    (tmp_path / "r.yaml").write_text(recipe)
    dj_assets.run_recipe(tmp_path / "r.yaml", [source], tmp_path / "out", workers=1)
    changes = {"1": {"min_len": 300}, "2": {"min_ratio": 0.1}}
    run = OpenedRun("out", *finished_run(str(tmp_path / "out")))
    try:
        kept = all_ids(run, kinds=["kept"])
        assert (counts := run.answer("moved", {"changes": changes}))["lost"] > 5 < counts["gained"]
        lost, gained = (all_ids(run, moved=changes, change=way) for way in ("lost", "gained"))
        preview = run.answer("preview", {"changes": changes})
        assert "+      min_len: 300   # the least" in preview["lines"]
        with pytest.raises(UserError, match="is in none of the folders of your recipes"):
            run.answer("write", {"changes": changes})
    finally:
        run.close()
    (tmp_path / "r.yaml").write_text(recipe.replace("min_len: 20", "min_len: 300").replace("0.5", "0.1"))
    dj_assets.run_recipe(tmp_path / "r.yaml", [source], tmp_path / "out", workers=1, overwrite=True)
    run = OpenedRun("out", *finished_run(str(tmp_path / "out")))
    assert all_ids(run, kinds=["kept"]) == (kept - lost) | gained
    run.close()


def test_a_threshold_is_written_into_a_recipe_of_the_project(opened, made, monkeypatch):
    monkeypatch.chdir(made)
    before = (made / "r.yaml").read_text()
    try:
        opened.answer("write", {"changes": {"1": {"min_len": 25}}})
        assert (made / "r.yaml").read_text() == before.replace("min_len: 20 ", "min_len: 25 ")
    finally:
        (made / "r.yaml").write_text(before)


def test_labels_are_appended_kept_and_exported(opened, made):
    for position, label in ((3, "good"), (5, "bad"), (3, "bad"), (5, "")):
        counts = opened.answer("label", {"position": position, "label": label})
    assert counts == {"version": 4, "good": 0, "bad": 1}
    assert [(line.label, line.row) for line in read_labels(opened.labels.path)] == [
        ("good", 3),
        ("bad", 5),
        ("bad", 3),
        ("", 5),
    ]
    again = OpenedRun("out", *finished_run(str(made / "out")))
    assert ids(rows(again, labels=["bad"])) == ["a.jsonl:3"]
    assert rows(again, labels=["none"])["total"] == 301
    exported = [json.loads(line) for line in again.labels.exported().splitlines()]
    assert [(line["id"], line["label"], line["version"]) for line in exported] == [("a.jsonl:3", "bad", 4)]
    again.close()
    with pytest.raises(UserError, match="no such label: fine"):
        opened.answer("label", {"position": 3, "label": "fine"})


def test_filters_are_scored_and_thresholds_proposed_from_labels(opened):
    by_length = rows(opened, sort="text_len", descending=True)["rows"]
    for row in by_length[:10]:
        opened.answer("label", {"position": row["position"], "label": "good"})
    shortest = rows(opened, 10, sort="text_len")["rows"]
    for row in shortest:
        opened.answer("label", {"position": row["position"], "label": "bad"})
    scores = opened.answer("scores", {})
    length = next(one for one in scores["filters"] if one["operator"] == "text_length_filter")
    caught = sum(row["values"]["text_len"] < 20 for row in shortest)
    assert (length["dropped"], length["bad"], length["recall"]) == (caught, caught, caught / 10)
    proposal = next(one for one in scores["proposals"] if one["parameter"] == "min_len")
    assert shortest[-1]["values"]["text_len"] < proposal["value"] <= by_length[9]["values"]["text_len"]
    assert (proposal["after"]["precision"], proposal["after"]["recall"]) == (1.0, 1.0)
