from __future__ import annotations

import importlib
import json

import numpy as np

from benchmarks.guard import BASELINE, HOTTEST, bytes_of, grown


def test_counters_that_grow_by_more_than_a_twentieth_are_named() -> None:
    before = {"calls": 1000, "modules": 10, "compiled": 0}
    assert grown(before, before) == []
    assert grown(before, {"calls": 1050, "modules": 13, "compiled": 0}) == []
    assert grown(before, {"calls": 1051, "modules": 14, "compiled": 1}) == [
        "calls: 1,000 before, 1,051 now",
        "compiled: 0 before, 1 now",
        "modules: 10 before, 14 now",
    ]
    assert grown(before, {"calls": 500, "modules": 10}) == ["compiled: None, not in guard.json or gone"]


def test_every_hot_kernel_is_counted() -> None:
    stored = json.loads(BASELINE.read_text("utf-8"))
    for name in HOTTEST:
        module, function = name.split(".")
        assert callable(getattr(importlib.import_module(f"dj_assets.kernels.{module}"), function))
        assert stored[f"{name}: calls"] > 0


def test_bytes_of_all_arrays_are_counted() -> None:
    assert bytes_of((np.zeros(3, np.uint8), 5, (np.zeros(2), None))) == 19
