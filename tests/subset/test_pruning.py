from __future__ import annotations

from pathlib import Path

import filelock
import pytest

from dj_assets.home.json_files import read_json, write_document
from dj_assets.home.layout import Layout
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset
from dj_assets.subset.pruning import housekeeping
from tests.documents import documents, write_jsonl

RECIPE = """
asset: {subset: NAME, group: mine, source: {paths: data/NAME}}
process:
  - whitespace_normalization_mapper:
  - text_length_filter: {min_len: 20}
  - document_simhash_deduplicator: {window_size: 3}
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DJ_RECIPES", raising=False)
    for name in ("news", "forum"):
        recipe = tmp_path / f"recipes/mine/{name}.yaml"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(RECIPE.replace("NAME", name))
        for number in range(2):
            write_jsonl(tmp_path / f"data/{name}/{number}.jsonl", documents(60, seed=number))
        run(name)
    return tmp_path


def run(name: str) -> None:
    Subset.of_asset(find_gallery().recipes[name], Options(workers=1)).run()


def spare(project: Path, **options) -> dict[str, list[str]]:
    return {
        found.name: [one.path.relative_to(project / "home").as_posix() for one in found.surplus]
        for found in housekeeping(**options)
    }


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_nothing_can_go_from_what_is_in_use(project):
    before = everything(project / "home")
    assert spare(project, delete=True) == {"forum": [], "news": []}
    assert everything(project / "home") == before
    (forum, news) = housekeeping()
    assert news.total >= sum(path.stat().st_size for path in (project / "home/news/refined").iterdir())
    assert {"stats.duckdb", "cleaned", "refined", "runs"} <= set(news.bytes)


def test_what_is_listed_goes_and_the_rest_stays(project):
    home = project / "home/news"
    (home / "cleaned/00007.parquet").write_bytes(b"no manifest commits it")
    (home / "stats/.00001.parquet.99999999.tmp").write_bytes(b"left by a killed process")
    (home / ".staging/refined").mkdir(parents=True)
    (home / "near_pairs/document_minhash_deduplicator_1.parquet").write_bytes(b"of another recipe")
    (home / "counted/document_line_deduplicator").mkdir(parents=True)
    (home / "pending/0123456789abcdef.parquet").write_bytes(b"of a version that was replaced")
    (home / "runs/19990101T000000Z-x.parquet").write_bytes(b"without a manifest")
    before = everything(project / "home")
    wanted = [
        "cleaned/00007.parquet",
        "stats/.00001.parquet.99999999.tmp",
        ".staging",
        "pending/0123456789abcdef.parquet",
        "runs/19990101T000000Z-x.parquet",
        "near_pairs/document_minhash_deduplicator_1.parquet",
        "counted/document_line_deduplicator",
    ]
    listed = spare(project)
    assert listed["forum"] == []
    assert listed["news"] == [f"news/{name}" for name in wanted]
    assert everything(project / "home") == before, "looking removes nothing"
    assert spare(project, delete=True) == listed
    assert spare(project) == {"forum": [], "news": []}
    run("news")
    left = set(everything(project / "home"))
    assert left == {path for path in before if not any(path.is_relative_to(home / name) for name in wanted)}


def test_shards_of_removed_files_stay_as_long_as_the_published_version_is_made_of_them(project):
    (project / "data/news/1.jsonl").unlink()
    assert spare(project)["news"] == []
    layout = Layout.home(project / "home/news")
    newest = max(layout.runs.glob("*.json"))
    manifest = read_json(newest)
    write_document(newest, manifest | {"shards": manifest["shards"][:1]})
    kinds = ("shards/00001.json", *(f"{kind}/00001.parquet" for kind in layout.kinds))
    assert sorted(spare(project)["news"]) == sorted(f"news/{name}" for name in kinds)


def test_records_of_runs_beyond_those_to_keep(project):
    recipe = project / "recipes/mine/news.yaml"
    for length in (30, 40):
        recipe.write_text(RECIPE.replace("NAME", "news").replace("min_len: 20", f"min_len: {length}"))
        run("news")
    assert spare(project)["news"] == []
    runs = sorted(path.stem for path in (project / "home/news/runs").glob("*.json"))
    assert len(runs) == 3
    assert sorted(spare(project, keep_runs=2)["news"]) == [f"news/runs/{runs[0]}.json", f"news/runs/{runs[0]}.parquet"]


def test_a_subset_without_a_recipe_can_go_but_not_one_whose_recipe_is_broken(project):
    (project / "recipes/mine/news.yaml").unlink()
    (project / "recipes/mine/forum.yaml").write_text("process: [no_such_operator]\n")
    (project / "home/models").mkdir()
    assert spare(project, delete=True) == {"forum": [], "news": ["news"]}
    assert sorted(path.name for path in (project / "home").iterdir()) == ["forum", "models"]


def test_a_subset_that_a_run_works_at_is_left_alone(project):
    (project / "home/news/cleaned/00007.parquet").write_bytes(b"being written")
    with filelock.FileLock(Layout.home(project / "home/news").lock):
        (news,) = housekeeping(("news",), delete=True)
        assert (news.busy, news.surplus) == (True, [])
    with filelock.FileLock(Layout.home(project / "home/news").shard_lock("s0")):
        assert housekeeping(("news",), delete=True)[0].busy
    assert (project / "home/news/cleaned/00007.parquet").exists()
