from __future__ import annotations

import base64
import itertools
import random
from pathlib import Path

import dagster as dg
import pytest

from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.assets.result_metadata import MAX_EVENT_BYTES, event_bytes
from dj_assets.assets.sandbox_metadata import benchmarks, ranked
from dj_assets.recipe.gallery import find_gallery
from dj_assets.sandbox.discovery import Standings
from dj_assets.sandbox.evaluations import Loop
from dj_assets.sandbox.experiment import ExperimentEntry, Round
from dj_assets.sandbox.pools import PARTS, Edge, Pool, Third
from dj_assets.sandbox.ranking import Score
from tests.sandbox.conftest import refined_toy, toy  # noqa: F401 - fixtures


class Graph:
    """The toy's assets, materialized one by one as clicks would."""

    def __init__(self, toy, instance):  # noqa: F811 - a fixture
        self.toy, self.instance = toy, instance
        definitions = gallery_definitions(find_gallery((toy.root / "recipes",)))
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.graph = definitions.resolve_asset_graph()

    def materialize(self, name: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        return self.job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(["mine", name])],
            partition_key=partition,
            raise_on_error=False,
        )

    def metadata(self, name: str, partition: str | None = None) -> dict[str, object]:
        run = self.materialize(name, partition)
        assert run.success, [event.message for event in run.all_events if event.is_failure]
        (event,) = run.asset_materializations_for_node(f"mine__{name}")
        assert event_bytes(event.metadata) < MAX_EVENT_BYTES
        return {key: value.value for key, value in event.metadata.items()}

    def partitions(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("toy_evaluations"))


@pytest.fixture
def graph(toy, instance):  # noqa: F811 - a fixture
    return Graph(toy, instance)


def test_only_a_recipe_with_a_sandbox_block_has_these_assets(graph):
    names = {key.path[-1] for key in graph.graph.get_all_asset_keys()}
    assert {f"toy_{part}" for part in ("pools", "evaluations", "ranking", "combined", "recipe")} <= names
    graph.toy.write_recipe(text="process: [text_length_filter]\n")
    names = {key.path[-1] for key in Graph(graph.toy, graph.instance).graph.get_all_asset_keys()}
    assert "toy_pools" not in names


def test_the_whole_way_through_the_graph(graph):
    pools = graph.metadata("toy_pools")
    assert (pools["pools"], pools["samples_a_pool"]) == (7, 30)
    assert "text_len_high@2" in graph.partitions()
    assert len(graph.partitions()) == 14

    one = graph.metadata("toy_evaluations", "text_len_high@2")
    assert one["nested.n"] == 30
    assert not one["finished_before"]
    assert graph.metadata("toy_evaluations", "text_len_high@2")["finished_before"]
    assert graph.metadata("toy_ranking")["missing"] == 13

    sandbox = graph.toy.sandbox()
    Loop(sandbox).run([entry.pool.name for entry in sandbox.rounds()[0].entries])
    ranking = graph.metadata("toy_ranking")
    assert ranking["missing"] == 0
    assert "no result" not in Path(ranking["report"]).read_text("utf-8")
    assert all(ranking[name].startswith("![") for name in ("heat_map", "scatter", "correlations"))

    combined = graph.metadata("toy_combined")
    assert combined["combined"].startswith("text_len_high")
    added = [key for key in graph.partitions() if key.startswith("top-")]
    assert len(added) == 2 * combined["pools"]
    for key in added:
        graph.metadata("toy_evaluations", key)
    recipe = graph.metadata("toy_recipe")
    assert recipe["pool"].startswith("top-text_len_high")
    assert "text_length_filter" in recipe["recipe"]
    assert recipe["pyramid"].startswith("![pyramid](data:image/svg+xml;base64,")


def test_a_failed_training_fails_alone_with_the_tail_of_its_log(graph):
    graph.toy.write_hook(behaviour="if seed == '2': sys.exit('no memory left')")
    graph.materialize("toy_pools")
    assert graph.materialize("toy_evaluations", "random@1").success
    failed = graph.materialize("toy_evaluations", "random@2")
    assert not failed.success
    (failure,) = failed.filter_events(lambda event: event.is_step_failure)
    told = failure.step_failure_data.user_failure_data.description
    assert told == "random seed 2: ended with exit code 1\nno memory left"
    graph.toy.write_hook()
    assert graph.materialize("toy_evaluations", "random@2").success


def test_pools_keep_their_version_while_they_hold_the_same(graph):
    def version() -> str:
        run = Graph(graph.toy, graph.instance).materialize("toy_pools")
        return run.asset_materializations_for_node("mine__toy_pools")[0].tags["dagster/data_version"]

    first = version()
    assert version() == first
    graph.toy.write_recipe(", size: 20")
    assert version() != first


def test_without_a_run_the_sandbox_says_so_in_a_line(graph, monkeypatch, tmp_path):
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "none"))
    run = graph.materialize("toy_pools")
    (failure,) = run.filter_events(lambda event: event.is_step_failure)
    assert "holds no finished run" in failure.step_failure_data.user_failure_data.description


def test_pictures_of_many_statistics_fit_into_an_event():
    names = [f"statistic_with_a_long_name_{n}" for n in range(40)]
    dice = random.Random(0)
    entries = [ExperimentEntry(Pool("random"), 900, 900, "c", dict.fromkeys(names, 0.5))]
    for name, part in itertools.product(names, PARTS):
        third = Third(name, part, False, Edge(0, 0), Edge(1, 0), 0, 1, 300, 301)
        means = {other: dice.random() for other in names}
        entries.append(ExperimentEntry(Pool(third.name, (third,)), 300, 301, third.name, means))
    scores = [Score(e.pool.name, dice.gauss(0, 5), dice.random(), 3, "better") for e in entries]
    probe = Round("probe", "run", 300, "random", tuple(entries), {}, {})
    between = {pair: dice.uniform(-1, 1) for pair in itertools.combinations(names, 2)}
    metadata = ranked(Standings((probe,), {"probe": scores}, between), "many", Path("report.html"))
    assert event_bytes(metadata) < MAX_EVENT_BYTES
    for name in ("heat_map", "scatter", "correlations"):
        svg = base64.b64decode(metadata[name].value.partition("base64,")[2].rstrip(")"))
        assert svg.startswith(b"<svg"), name


def test_published_benchmarks_stand_on_the_page_before_anything_ran(monkeypatch, tmp_path):
    monkeypatch.setenv("DJ_HOME", str(tmp_path))
    assert "image/svg" in benchmarks("llava_pretrain")["benchmarks"].value
    assert benchmarks("c4") == {}
