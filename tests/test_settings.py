from __future__ import annotations

import os

import pytest

from dj_assets import settings


@pytest.mark.parametrize(
    ("content", "cpus"),
    [("800000 100000\n", 8), ("150000 100000\n", 2), ("50000 100000\n", 1), ("max 100000\n", None), ("", None)],
)
def test_the_quota_of_a_container_is_read(tmp_path, content, cpus):
    (tmp_path / "cpu.max").write_text(content)
    assert settings.cpu_quota(tmp_path / "cpu.max") == cpus


def test_without_a_quota_the_workers_are_the_cpus_of_the_process(tmp_path):
    assert settings.cpu_quota(tmp_path / "none") is None
    assert 1 <= settings.default_workers() <= len(os.sched_getaffinity(0))
