"""A PostgreSQL of its own for a test, from Debian's package `postgresql`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.server import free_port

_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@contextmanager
def postgres() -> Iterator[str]:
    """Run a new cluster on the loopback address; yield its URL. It does not run as root: as root it is `postgres`'s."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        if os.environ.get("CI"):
            pytest.fail("CI has PostgreSQL, but /usr/lib/postgresql is absent")
        pytest.skip("needs PostgreSQL")
    # not below the folder of the tests, which is for its owner alone
    with tempfile.TemporaryDirectory(prefix="dj-postgres-") as name:
        as_owner: list[str] = []
        if os.getuid() == 0:
            shutil.chown(name, "postgres", "postgres")
            as_owner = ["runuser", "-u", "postgres", "--"]
        folder, port = Path(name), free_port()

        def call(program: str, *arguments: str) -> None:
            command = [*as_owner, str(binaries[-1].parent / program), "-D", str(folder / "data"), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120)

        call("initdb", "-U", "dagster", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
        options = f"-h 127.0.0.1 -p {port} -k {folder} {_QUICK}"
        call("pg_ctl", "start", "-w", "-o", options, "-l", str(folder / "log"))
        try:
            yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "stop", "-m", "immediate")
