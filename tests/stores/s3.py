"""The S3 server of the tests as they use it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dj_assets.stores.store import Store
from tests.paths import ROOT

SECRET = "marked-secret-0123456789"
KEY = "AKIAMARKED0123456789"
_number = itertools.count()


@dataclass
class Server:
    url: str

    def set(self, **faults: object) -> None:
        query = "&".join(f"{name}={value}" for name, value in faults.items())
        urllib.request.urlopen(f"{self.url}/__set__?{query}").read()

    def log(self) -> list[list[str]]:
        return json.loads(urllib.request.urlopen(f"{self.url}/__log__").read())

    def bucket(self) -> str:
        name = f"lake-{next(_number)}"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")).read()
        return name


@contextmanager
def serving() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stores.server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def environment(server: Server, cache: Path) -> dict[str, str]:
    return {
        "DJ_S3_ENDPOINT": server.url,
        "DJ_CACHE": str(cache),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def upload(folder: Path, url: str) -> None:
    store = Store.at(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.upload(path, path.relative_to(folder).as_posix())
