"""Ask a real server that is killed and started again: `python -m tests.e2e.transformers_server`.

`transformers serve` answers on loopback by a tiny model of random weights. It needs fastapi, uvicorn, openai and
accelerate (`pip install 'transformers[serving]' accelerate`), and takes about a minute, mostly for three starts.

1. The server is killed with SIGKILL while a run asks, and started again: the run waits for it and ends by itself.
2. The server is killed and stays away: the run stops with one line. With a new server, the next run goes on.

In both, the server counts: no prompt gets two whole answers, and only calls under way at the kill come twice. No sample
is without an answer.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq

from dj_assets.models.synthesis_checkpoints import language_model
from tests.paths import ROOT

SAMPLES, AT_ONCE, PATIENCE_S = 40, 2, 240
RUN = (
    "import json, sys, dj_assets\n"
    "dj_assets.run_recipe(json.loads(sys.argv[1]), [sys.argv[2]], sys.argv[3], workers=1, overwrite=True)\n"
)


class Server:
    """A `transformers serve` on a port that stays the same after a kill."""

    def __init__(self, folder: Path) -> None:
        self.model, self.log = folder / "tiny", folder / "calls.log"
        self.model.mkdir()
        language_model(self.model)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        (folder / "hub").mkdir()
        self.environment = {**os.environ, "HF_HUB_CACHE": str(folder / "hub"), "HF_HUB_OFFLINE": "1"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it lists its models."""
        options = ["--port", str(self.port), "--host", "127.0.0.1", "--device", "cpu"]
        command = [sys.executable, "-m", "tests.e2e.counted_transformers", str(self.log), str(self.model), *options]
        self.process = subprocess.Popen(command, env=self.environment, cwd=ROOT)
        started = time.monotonic()
        awaited(self._answers, "the server answers")
        print(f"server {self.process.pid} answers after {time.monotonic() - started:.1f} s", flush=True)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError("the server ended")
        try:
            with urllib.request.urlopen(f"{self.url}/models", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """End the server at once, in the middle of answers."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            print(f"server {self.process.pid} killed: {self.counts()}", flush=True)

    def chats(self, what: str) -> Counter[str]:
        """Return how often each prompt came (`begin`), or got a whole answer (`end`)."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(line.split()[1] for line in lines if line.split()[0] == what)

    def counts(self) -> str:
        """Return the numbers of calls in words."""
        return f"{self.chats('begin').total()} calls came, {self.chats('end').total()} answered"


def awaited(true: Callable[[], bool], what: str) -> None:
    """Wait until something is true; raise after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def run(server: Server, source: Path, out: Path, retries: int) -> subprocess.Popen[str]:
    """Start a run that asks the server about every sample."""
    step = {
        "api_or_hf_model": str(server.model),
        "sampling_params": {"max_tokens": 48},
        "model_params": {"max_retries": retries},
    }
    recipe = json.dumps({"process": [{"llm_ray_vllm_engine_pipeline": step}]})
    environment = {**os.environ, "OPENAI_BASE_URL": server.url, "DJ_LLM_CALLS": str(AT_ONCE)}
    command = [sys.executable, "-c", RUN, recipe, str(source), str(out)]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def written(folder: Path, scenario: int) -> Path:
    """Write samples with a question each, others in each scenario."""
    path = folder / f"{scenario}.jsonl"
    lines = [{"text": "a dog", "query": f"scenario {scenario}: a dog near {n} trees"} for n in range(SAMPLES)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def answers(out: Path) -> list[str | None]:
    """Return the answers of all samples."""
    return [
        text
        for path in sorted((out / "refined").glob("*.parquet"))
        for text in pq.read_table(path)["response"].to_pylist()
    ]


def killed_while_asked(server: Server, source: Path, out: Path, retries: int) -> tuple[subprocess.Popen[str], int]:
    """Kill the server after some calls; return the run, and how many calls all kills interrupted so far."""
    before = server.chats("end").total()
    running = run(server, source, out, retries)
    awaited(lambda: server.chats("end").total() >= before + 8, "eight answers")
    server.kill()
    return running, server.chats("begin").total() - server.chats("end").total()


def checked(server: Server, out: Path, lost: int) -> None:
    """Check the counts of the server, and that every sample has an answer."""
    begun, ended = server.chats("begin"), server.chats("end")
    twice = [name for name, times in begun.items() if times > 1]
    given = answers(out)
    print(f"{server.counts()}; {len(twice)} of {len(begun)} prompts came twice; {len(given)} samples", flush=True)
    assert len(given) == SAMPLES, given
    assert all(given), "a sample has no answer"
    assert max(ended.values()) == 1, "a prompt was answered twice"
    assert len(twice) <= lost <= 2 * AT_ONCE, (twice, lost)


def main() -> int:
    """Play both scenarios; return 0 if nothing was asked twice and nothing lost."""
    missing = [name for name in ("fastapi", "uvicorn", "openai", "accelerate") if find_spec(name) is None]
    if missing:
        print(f"{', '.join(missing)}: not installed; pip install 'transformers[serving]' accelerate")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder)
        try:
            server.start()
            running, lost = killed_while_asked(server, written(folder, 1), folder / "out1", retries=12)
            server.start()
            assert running.wait(PATIENCE_S) == 0, running.stderr and running.stderr.read()
            checked(server, folder / "out1", lost)

            source = written(folder, 2)
            running, lost = killed_while_asked(server, source, folder / "out2", retries=1)
            said = running.communicate(timeout=PATIENCE_S)[1]
            assert running.returncode != 0
            print(said.strip().splitlines()[-1])
            assert "cannot be reached" in said
            assert not (folder / "out2/refined").exists()
            server.start()
            assert run(server, source, folder / "out2", retries=1).wait(PATIENCE_S) == 0
            checked(server, folder / "out2", lost)
        finally:
            server.kill()
    print("nothing asked twice but calls under way, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
