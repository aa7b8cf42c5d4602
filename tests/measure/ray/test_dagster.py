"""A Dagster run on the cluster: LLaVA, whose operators look at images and ask models, as on one machine."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pyarrow.parquet as pq

from dj_assets import settings
from dj_assets.assets.asset_graph import gallery_definitions
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.subset import Options, Subset
from tests.paths import ROOT

RECIPE = find_gallery((ROOT / "recipes",)).recipes["llava_pretrain"]


def steps(run: dict) -> list[dict]:
    return [step.model_copy(update={"seconds": 0.0}) for step in run.funnel]


def test_llava_is_refined_by_a_run_on_the_cluster(raylets, tmp_path, monkeypatch):
    monkeypatch.delenv("DJ_MODELS", raising=False)
    monkeypatch.setattr(settings, "IMAGE_BLOCK_BYTES", 7_000)
    homes = {engine: tmp_path / engine for engine in ("local", "ray")}

    monkeypatch.setenv("DJ_HOME", str(homes["local"]))
    Subset.of_asset(RECIPE, Options(workers=1, engine="local")).run()

    monkeypatch.setenv("DJ_HOME", str(homes["ray"]))
    monkeypatch.setenv("DJ_ENGINE", "ray")
    job = gallery_definitions(Gallery({"llava_pretrain": RECIPE}, {})).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        key = dg.AssetKey(["llava", "llava_pretrain"])
        assert job.execute_in_process(instance=instance, asset_selection=[key]).success

    here, there = (Layout.home(home / "llava_pretrain") for home in homes.values())
    run = newest_run(there)
    assert run.engine == "ray"
    # one node may take all blocks before a process on another one has begun
    assert run.nodes
    assert steps(run) == steps(newest_run(here))
    assert run.samples_in == 61
    for path in sorted(there.refined.glob("*.parquet")):
        assert pq.read_table(path) == pq.read_table(here.refined / path.name)
    for path in sorted((there.work / "stats").glob("*.parquet")):
        ours, theirs = pq.read_table(path), pq.read_table(here.work / "stats" / path.name)
        assert ours.schema == theirs.schema
        for name in ours.schema.names:
            _assert_close(ours[name].to_pylist(), theirs[name].to_pylist(), name)


def _assert_close(ours: list, theirs: list, name: str) -> None:
    """Everything is equal but the scores of models, which agree to 1e-5."""
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one, list | float):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5, err_msg=name)
        else:
            assert one == other, name
