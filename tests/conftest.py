from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def s3_server() -> Iterator[object]:
    """An S3 server on loopback, one for each process of the tests."""
    from tests.storage.objects.s3 import serving

    with serving() as server:
        yield server


@pytest.fixture
def lake(s3_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket, whose server has no faults; the working copies lie below the test's folder."""
    from tests.storage.objects.s3 import environment

    for name, value in environment(s3_server, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    yield f"s3://{s3_server.bucket()}"
    s3_server.set(throttle=0, cut=0, hold="")
