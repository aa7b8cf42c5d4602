"""The unit of `ru_maxrss`: bytes on macOS, kB on Linux."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dj_assets.memory import peak_rss_mb


@pytest.fixture(autouse=True)
def _no_proc(monkeypatch):
    """Hide `/proc` and measure 300,000,000 of the unit of the system, as on a machine without it."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=300_000_000))


@pytest.mark.parametrize(("platform", "megabytes"), [("darwin", 300.0), ("linux", 307_200.0)])
def test_the_unit_is_that_of_the_system(monkeypatch, platform, megabytes):
    monkeypatch.setattr(sys, "platform", platform)
    assert peak_rss_mb() == megabytes
