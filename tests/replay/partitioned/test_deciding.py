"""Deciding in pieces against deciding on one machine: everything that is told must be the same."""

from __future__ import annotations

import dataclasses
import json
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dj_assets
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest
from dj_assets.recipe.model import Recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.replay.clusters import NearPairs
from dj_assets.replay.links import find_links
from dj_assets.replay.partitioned import deciding, near
from dj_assets.replay.partitioned.deciding import replay_in_pieces
from dj_assets.replay.population import load_population
from dj_assets.replay.replay import replay
from dj_assets.replay.result import ReplayResult, replay_result
from tests.documents import documents, write_jsonl
from tests.replay.test_replay import OPERATOR, SIGNATURES, VALUES, Sign, write

MANIFEST = FileManifest(0, "", 0, 0, "", "", None, 0, 0, 0, 0, 0)


class Near(Sign):
    """Signatures a bit apart are near; 0 is that of a text without a shingle."""

    name = "near"

    @property
    def within(self):
        return 1

    @property
    def short_text_keys(self):
        return (0,)


class Neighbours(Sign):
    """Finds its near pairs by itself: 3 and 4."""

    name = "neighbours"

    def near_pairs(self, distinct):
        both = {3, 4} <= {*distinct.tolist()}
        columns = {"a": ([3], pa.uint64()), "b": ([4], pa.uint64()), "distance": ([3], pa.int32())}
        return pa.table({name: pa.array(values * both, kind) for name, (values, kind) in columns.items()})


ALL = {**SIGNATURES, Near: SIGNATURES[Sign] | st.integers(0, 63), Neighbours: SIGNATURES[Sign]}
STEPS = st.lists(OPERATOR | st.sampled_from([Near(), Neighbours()]), min_size=1, max_size=5)


def here(work, pieces):
    return [work(*piece) for piece in pieces]


def here_twice(work, pieces):
    """As a cluster does whose nodes die: some pieces are done again."""
    here(work, pieces[::2])
    return here(work, pieces)


def test_this_machine_decides_in_pieces_too_and_removes_what_was_left(tmp_path, monkeypatch):
    source = write_jsonl(tmp_path / "a.jsonl", documents(60))
    recipe = {"process": [{"document_simhash_deduplicator": {"window_size": 3}}, "document_deduplicator"]}
    left = tmp_path / "out/.dj/under_way/decision/job"
    versions = []
    for limit in ("0", "1000"):
        left.mkdir(parents=True)
        monkeypatch.setenv("DJ_ONE_NODE_SAMPLES", limit)
        dj_assets.run_recipe(recipe, [source], tmp_path / "out", overwrite=True)
        assert not left.parent.parent.exists()
        (tmp_path / "out/.dj/decision/decision.json").rename(tmp_path / f"{limit}.json")
        (tmp_path / "out/stats.duckdb").unlink()
        versions.append(json.loads((tmp_path / f"{limit}.json").read_text())["version"])
    assert versions[0] == versions[1]


def told(found: ReplayResult) -> dict:
    return {
        **{one.name: getattr(found, one.name) for one in dataclasses.fields(found)},
        "outcome_table": found.outcome_table.to_table(),
    }


def on_one_machine(layout: Layout, plan, manifests, reference) -> ReplayResult:
    stats, signatures = ([layout.measured(kind, s.number) for s in manifests] for kind in ("stats", "signatures"))
    theirs = [[layout.against.measured(kind, s.number) for s in reference] for kind in ("stats", "signatures")]
    links = find_links(layout, plan, [*theirs[1], *signatures], ["one"])
    population = load_population(plan, stats, signatures, *theirs)
    near_pairs = sum(len(found.a) for found in links.values() if isinstance(found, NearPairs))
    return replay_result(len(plan.steps), population, replay(plan, population, links), near_pairs)


def measured(layout: Layout, plan, files: list[list[dict]]) -> list[FileManifest]:
    manifests = []
    for number, rows in enumerate(files):
        written = write(layout.work, plan, number, rows)
        for kind, path in zip(("stats", "signatures"), written, strict=True):
            layout.measured(kind, number).parent.mkdir(parents=True, exist_ok=True)
            path.rename(layout.measured(kind, number))
        manifests.append(dataclasses.replace(MANIFEST, number=number, rows=len(rows)))
    return manifests


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_pieces_decide_what_one_machine_does(data, tmp_path_factory):
    plan = make_plan(Recipe("<dict>", tuple(data.draw(STEPS))))
    row = st.fixed_dictionaries({
        "failed_at": st.sampled_from([-1] * 6 + list(range(len(plan.steps)))),
        **dict.fromkeys(plan.stat_columns, VALUES),
        **{step.signature: ALL[type(step.operator)] for step in plan.deduplicators},
    })  # fmt: skip
    layout = Layout.home(tmp_path_factory.mktemp("pieces"))
    manifests = measured(layout, plan, data.draw(st.lists(st.lists(row, max_size=8), min_size=1, max_size=3)))
    theirs = data.draw(st.sampled_from([[], [data.draw(st.lists(row, max_size=5))]]))
    reference = measured(layout.against, plan, theirs)
    run = data.draw(st.sampled_from([here, here_twice]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "_PARTS", (data.draw(st.sampled_from([1, 3])),) * 2)
        patch.setattr(near, "_AT_ONCE", data.draw(st.sampled_from([2, 100])))
        in_pieces = partial(replay_in_pieces, manifests=manifests, reference=reference)
        with in_pieces(run, layout, plan, versions=["pieces"]) as found:
            now = told(found)
    pairs = {path: pq.read_table(path) for path in layout.work.glob("near_pairs/*")}
    alone = told(on_one_machine(layout, plan, manifests, reference))
    assert now == alone
    assert not (layout.work / "under_way").exists()
    for path, table in pairs.items():
        assert pq.read_table(path).equals(table), "kept as one machine keeps them"
