from __future__ import annotations

from dj_assets.home.json_files import write_json
from dj_assets.home.layout import Layout
from dj_assets.measure.ray.claims import claim_of, uses_gpu
from dj_assets.measure.ray.cluster import Node, environment
from dj_assets.measure.work import Task
from dj_assets.models.store import ModelStore
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.paths import ROOT

GB = 1_000_000_000
LIGHT = Node("1", "light", cpus=8, gpus=0, memory_bytes=64 * GB)
WITH_GPUS = Node("2", "gpus", cpus=16, gpus=2, memory_bytes=64 * GB)


def task(recipe: object) -> Task:
    return Task(make_plan(load_recipe(recipe)), ModelStore())


TEXT = task({"process": ["text_length_filter"]})
IMAGES = task(ROOT / "recipes/llava/llava_pretrain.yaml")


def test_text_takes_a_cpu_each_and_no_gpu(tmp_path):
    claim = claim_of(TEXT, [LIGHT, WITH_GPUS], Layout.home(tmp_path), workers=100)
    assert (claim.gpus, claim.workers) == (0, 24)
    assert claim.memory_bytes < GB
    assert claim_of(TEXT, [LIGHT], Layout.home(tmp_path), workers=3).workers == 3


def test_models_that_look_at_images_take_the_gpus_there_are(tmp_path):
    assert uses_gpu(IMAGES.plan)
    claim = claim_of(IMAGES, [LIGHT, WITH_GPUS], Layout.home(tmp_path), workers=100)
    assert (claim.gpus, claim.workers) == (1, 2)
    assert claim.options()["num_gpus"] == 1
    without = claim_of(IMAGES, [LIGHT], Layout.home(tmp_path), workers=100)
    assert (without.gpus, without.workers) == (0, 8)
    assert without.memory_bytes > claim_of(TEXT, [LIGHT], Layout.home(tmp_path), workers=1).memory_bytes


def test_memory_that_was_measured_counts_and_no_claim_is_too_large_for_every_node(tmp_path):
    layout = Layout.home(tmp_path)
    write_json(layout.manifest(0), {"worker_mb": 10_000.0})
    claim = claim_of(TEXT, [LIGHT], layout, workers=100)
    assert (claim.memory_bytes, claim.workers) == (12 * GB, 5), "five times 12 GB fit into 64"
    small = Node("3", "small", cpus=4, gpus=0, memory_bytes=2 * GB)
    assert claim_of(TEXT, [small], layout, workers=100).memory_bytes < 2 * GB


def test_settings_travel_and_credentials_do_not(monkeypatch):
    monkeypatch.setenv("DJ_MEDIA_SECONDS", "7")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    variables = environment()["env_vars"]
    assert variables["DJ_MEDIA_SECONDS"] == "7"
    assert variables["OMP_NUM_THREADS"] == "1"
    assert "hidden" not in variables.values()
