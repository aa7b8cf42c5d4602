"""Batches that shrink when memory runs out, and which device a process takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dj_assets.models.vision import device as module
from dj_assets.models.vision.device import Batching, Device, device


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
    batching = Batching(Device("cpu"), at_once=16)
    inputs = np.arange(40, dtype=np.float32)
    found = batching.run(greedy(5, sizes), inputs)
    assert np.array_equal(found, inputs * 2)
    assert batching.at_once == 4
    assert sizes == [16, 8, *[4] * 10]


def test_a_single_input_too_large_fails() -> None:
    with pytest.raises(RuntimeError, match="memory"):
        Batching(Device("cpu"), at_once=4).run(greedy(0, []), np.zeros((2, 3), np.float32))


def test_another_error_is_not_tried_again() -> None:
    calls = []

    def wrong(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return x @ torch.zeros(7)

    with pytest.raises(RuntimeError):
        Batching(Device("cpu"), at_once=4).run(wrong, np.zeros((4, 3), np.float32))
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
    import subprocess
    import sys

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
