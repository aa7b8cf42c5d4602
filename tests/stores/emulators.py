"""Stand-ins for the services behind `gs://` and `az://`, each on loopback in a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.server import free_port, wait_for
from tests.paths import ROOT

AZURITE = ROOT / ".venv/azurite/node_modules/.bin/azurite-blob"
# The account that Microsoft gives everybody to try with.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_number = itertools.count()


class Google:
    """Google Cloud Storage, by `gcp-storage-emulator`."""

    scheme = "gs"

    def __init__(self) -> None:
        self.port = free_port()
        self.command = [sys.executable, "-m", "tests.stores.emulators", str(self.port)]
        self.environment = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.port}"}

    def bucket(self) -> str:
        name = f"lake-{next(_number)}"
        content = json.dumps({"name": name}).encode()
        where = f"http://127.0.0.1:{self.port}/storage/v1/b?project=tests"
        asked = urllib.request.Request(where, content, {"Content-Type": "application/json"})
        urllib.request.urlopen(asked).read()
        return name


class Azure:
    """Azure's blob service, by Microsoft's Azurite."""

    scheme = "az"

    def __init__(self) -> None:
        if not AZURITE.exists():
            if os.environ.get("CI"):
                pytest.fail("CI has Azurite, but make azurite was not called")
            pytest.skip("needs Azurite: make azurite")
        self.port = free_port()
        options = ["--silent", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]
        self.command = [str(AZURITE), *options, "--blobPort", str(self.port)]
        self.environment = {
            "DJ_AZURE_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AZURE_STORAGE_ACCOUNT": _ACCOUNT,
            "AZURE_STORAGE_KEY": _KEY,
        }

    def bucket(self) -> str:
        from dj_assets.stores.filesystems import file_system

        name = f"lake-{next(_number)}"
        file_system("az", name).create_dir(name)
        return name


@contextmanager
def emulated(service: Google | Azure) -> Iterator[None]:
    """Run the emulator of a service until the end of the context."""
    process = subprocess.Popen(service.command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(service.port), lambda: f"{service.command} does not answer", 0.1, seconds=60)
        yield
    finally:
        process.kill()
        # one that the system cannot end costs its own tests, not the run
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _one_at_a_time(handler: Callable[..., None], lock: AbstractContextManager[object]) -> Callable[..., None]:
    """Let the emulator do one thing at a time: what it holds is no matter for several threads."""

    def handle(request: Any, response: Any, storage: Any) -> None:
        # a body that is still on its way must not keep others waiting
        _ = request.data if request.method in {"POST", "PUT", "PATCH"} else None
        with lock:
            handler(request, response, storage)

    return handle


if __name__ == "__main__":
    from gcp_storage_emulator import server

    # a reader that leaves a stream open, as pyarrow does, must not keep others waiting
    server.server.HTTPServer = ThreadingHTTPServer
    only = threading.RLock()
    for _, handlers in server.HANDLERS:
        handlers.update({method: _one_at_a_time(handler, only) for method, handler in handlers.items()})
    server.objects.insert = _one_at_a_time(server.objects.insert, only)
    server.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()
