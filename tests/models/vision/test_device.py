"""Batches that shrink when memory runs out, and which device a process takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dj_assets import settings
from dj_assets.models.vision import device as module
from dj_assets.models.vision.aesthetics import AestheticsPredictor
from dj_assets.models.vision.backend import Array, NumpyBackend, TorchBackend
from dj_assets.models.vision.classifier import ImageClassifier
from dj_assets.models.vision.device import Batching, Device, device
from dj_assets.models.vision.matching import ImageTextMatcher
from dj_assets.models.vision.pixels import preprocessing
from tests.models.vision.conftest import crops
from tests.models.vision.tiny import AESTHETICS, BLIP, NSFW

SINGLE_THREAD = os.environ | settings.SINGLE_THREAD_ENV


def greedy(limit: int, sizes: list[int]) -> object:
    """Return a model that wants more memory than there is whenever it gets more than `limit` inputs."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        if len(x) > limit:
            torch.empty(1 << 60)
        return x * 2

    return forward


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    sizes: list[int] = []
    batching = Batching(TorchBackend("cpu"), at_once=16)
    inputs = np.arange(40, dtype=np.float32)
    found = batching.run(greedy(5, sizes), inputs)
    assert np.array_equal(found, inputs * 2)
    assert batching.at_once == 4
    assert sizes == [16, 8, *[4] * 10]


def test_a_real_limit_of_memory_halves_the_batch() -> None:
    """A process that may have 300 MB more: 64 inputs of 16 MB do not fit, and the allocator itself says so."""
    code = """
import resource
import numpy as np, torch
from dj_assets.models.vision.backend import TorchBackend
from dj_assets.models.vision.device import Batching
def model(x):
    return x.repeat(1, 16).sum(1, keepdim=True)
one = np.ones(1 << 18, np.float32)
batching = Batching(TorchBackend("cpu"), at_once=64)
batching.run(model, [one])
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 300_000_000,) * 2)
found = batching.run(model, [one] * 64)
print(batching.at_once, found.shape, found.min() == found.max() == 1 << 22)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=SINGLE_THREAD)
    at_once, _, rest = done.stdout.strip().partition(" ")
    assert int(at_once) in {4, 8, 16}
    assert rest == "(64, 1) True"
    assert "out of memory: going on with 32 inputs at a time" in done.stderr


def test_the_error_of_gpus_halves_the_batch_of_a_whole_model(tiny: Path, pictures: list[Image.Image]) -> None:
    classifier = ImageClassifier(tiny / NSFW, Device("cpu:0"))
    pixels = crops(preprocessing(tiny / NSFW).geometry, pictures * 4)
    whole = classifier.probabilities(pixels)
    sizes = []
    tower = classifier.tower

    def small_memory(x: Array) -> Array:
        sizes.append(len(x))
        if len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return tower(x)

    small_memory.norm = tower.norm
    classifier.tower = small_memory
    assert np.allclose(classifier.probabilities(pixels), whole, atol=1e-6)
    assert classifier.batching.at_once == 2
    assert sizes == [16, 8, 4, *[2] * 10]


@pytest.mark.parametrize("kind", ["classifier", "aesthetics", "matcher"])
def test_half_precision_is_near(kind: str, tiny: Path, pictures: list[Image.Image]) -> None:
    def scores(on: Device) -> np.ndarray:
        if kind == "classifier":
            folder = tiny / NSFW
            return ImageClassifier(folder, on).probabilities(crops(preprocessing(folder).geometry, pictures))
        if kind == "aesthetics":
            folder = tiny / AESTHETICS
            return AestheticsPredictor(folder, on).scores(crops(preprocessing(folder).geometry, pictures))
        folder = tiny / BLIP
        pairs = [(place, 0) for place in range(len(pictures))]
        return ImageTextMatcher(folder, on).scores(crops(preprocessing(folder).geometry, pictures), ["a cat"], pairs)

    full, half = scores(Device("cpu")), scores(Device("cpu", half=True))
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 1e-2


def test_numpy_that_runs_out_of_memory_halves_the_batch() -> None:
    def model(x: np.ndarray) -> np.ndarray:
        return x + 1 if len(x) <= 3 else np.empty(1 << 57)

    batching = Batching(NumpyBackend(), at_once=16)
    assert np.array_equal(batching.run(model, np.arange(20, dtype=np.float32)), np.arange(1, 21))
    assert batching.at_once == 2


def test_without_a_driver_of_a_gpu_torch_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJ_DEVICE", raising=False)
    monkeypatch.setattr(module, "_DRIVERS", ("/dev/nothing-like-that",))
    monkeypatch.setitem(sys.modules, "torch", None)
    device.cache_clear()
    assert device() == Device("cpu")
    assert isinstance(device().backend(), NumpyBackend)
    device.cache_clear()


def test_a_single_input_too_large_fails() -> None:
    with pytest.raises(RuntimeError, match="memory"):
        Batching(TorchBackend("cpu"), at_once=4).run(greedy(0, []), np.zeros((2, 3), np.float32))


def test_another_error_is_not_tried_again() -> None:
    calls = []

    def wrong(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return x @ torch.zeros(7)

    with pytest.raises(RuntimeError):
        Batching(TorchBackend("cpu"), at_once=4).run(wrong, np.zeros((4, 3), np.float32))
    assert calls == [4]


def test_the_environment_chooses_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    device.cache_clear()
    monkeypatch.setenv("DJ_DEVICE", "cuda:1")
    assert device() == Device("cuda:1", half=True)
    device.cache_clear()
    monkeypatch.setenv("DJ_DEVICE", "cpu")
    assert device() == Device("cpu", half=False)
    device.cache_clear()


def test_processes_take_different_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    code = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1];"
        "from dj_assets.models.vision import device;"
        "print(device._claimed(2), flush=True); sys.stdin.read()"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        taken = {int(other.stdout.readline()) for other in others}
        assert taken == {0, 1}
        # both are taken: it shares one
        assert module._claimed(2) in {0, 1}
    finally:
        for other in others:
            other.communicate()
    assert module._claimed(2) == 0
