"""One run of Data-Juicer, in an environment of its own, measured in the same way.

Data-Juicer installs what it misses while it runs, torch with CUDA (6 GB) before the first operator among it. That is
nothing to do unasked and nothing to time, so its environment has no installer that could reach an index. It does not
run without torch, though: a torch has to be named (`--torch`), or an environment that has one (`--peer-python`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from benchmarks.environments import PipError, environment, pip
from benchmarks.process import run
from dj_assets.models import wordlists

ENVIRONMENT = "data-juicer"
VERSION = "1.6.1"
# What the recipes import; uv is left out again, for it is what installs at run time.
NEEDED = (
    f"py-data-juicer=={VERSION}",
    "pandas<3",
    "aiohttp",
    "av==13.1.0",
    "emoji==2.2.0",
    "ftfy==6.3.1",
    "fasttext-predict==0.9.2.4",
    "kenlm-ex==0.2.1",
    "nltk",
    "opencv-python-headless",
    "ray",
    "selectolax",
    "sentencepiece==0.2.3",
    "simple-aesthetics-predictor",
    "simhash-pybind",
    "transformers==4.57.1",
)
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": os.devnull,
    "UV_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
}
_OPERATOR = re.compile(r"OP \[(\w+)\] Done in ([\d.]+)s\. Left (\d+) samples")


class NoPeerError(Exception):
    """Data-Juicer cannot be measured here; the message says what is missing."""


def peer_or_none(given: Path | None, torch: str | None) -> Path | None:
    """Return what `peer_python` does; where there is none, say so on stderr and go on without."""
    try:
        return peer_python(given, torch)
    except NoPeerError as error:
        print(f"Data-Juicer is not measured: {error}", file=sys.stderr)
        return None


def peer_python(given: Path | None, torch: str | None) -> Path:
    """Return the interpreter of an environment that has Data-Juicer, making one where none is given.

    Raises
    ------
    NoPeerError
        If it has no torch and none was named.
    """
    try:
        python = given or _made(torch)
    except PipError as error:
        raise NoPeerError(str(error)) from error
    for module in ("data_juicer", "torch"):
        if not _imports(python, module):
            raise NoPeerError(
                f"{python} has no {module}. Data-Juicer {VERSION} runs no operator without torch, and would install "
                f"the CUDA build while being timed; name one, best a CPU build: --torch 'torch==VERSION' "
                f"(with torchvision for media, or an environment: --peer-python PATH)"
            )
    return python


def _made(torch: str | None) -> Path:
    """Return the interpreter of the environment that this module makes."""
    python = environment(ENVIRONMENT, NEEDED)
    if torch and not _imports(python, "torch"):
        pip(python, "install", *torch.split())
    pip(python, "uninstall", "--yes", "uv")
    return python


def _imports(python: Path, module: str) -> bool:
    found = f"import importlib.util as i; raise SystemExit(i.find_spec({module!r}) is None)"
    return python.exists() and subprocess.run([str(python), "-c", found], check=False).returncode == 0


def measure_peer(python: Path, recipe: Path, data: Path, folder: Path, workers: int) -> dict[str, Any]:
    """Run a recipe with the models in `folder/models` and the word lists that ship with this project.

    The seconds of an operator are those its log tells.

    Raises
    ------
    NoPeerError
        If it tried to install something after all: then its time means nothing.
    """
    output = folder / "peer"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    settings = {"dataset_path": str(data), "export_path": str(output / "out.jsonl"), "np": workers}
    content = {**yaml.safe_load(recipe.read_text("utf-8")), **settings, "open_tracer": False}
    content.pop("asset", None)
    config = output / "recipe.yaml"
    config.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    env = {**os.environ, **OFFLINE, "DATA_JUICER_EXTERNAL_MODELS_HOME": str(folder / "models")}
    env |= {"HF_HOME": str(output / "hf"), "DATA_JUICER_CACHE_HOME": str(output / "cache")}
    env["DATA_JUICER_ASSETS_CACHE"] = str(_word_lists(output / "assets"))
    log = folder / "peer.log"
    measured = run([str(python), "-m", "data_juicer.tools.process_data", "--config", str(config)], log, env)
    text = log.read_text("utf-8", "replace")
    if tried := [line for line in text.splitlines() if "lazy_loader" in line and "Installing" in line]:
        raise NoPeerError(f"Data-Juicer tried to install a package while it was timed: {tried[0]}")
    with (output / "out.jsonl").open(encoding="utf-8") as lines:
        kept = [json.loads(line)["id"] for line in lines]
    return {
        **asdict(measured),
        "kept": kept,
        "operators_s": {name: float(seconds) for name, seconds, _ in _OPERATOR.findall(text)},
    }


def _word_lists(folder: Path) -> Path:
    """Write the lists that ours takes where Data-Juicer would download its own."""
    folder.mkdir()
    shipped: dict[wordlists.Kind, str] = {"flagged_words": "ldnoobw", "stopwords": "stopwordsiso"}
    for kind, name in shipped.items():
        lists = {lang: sorted(words) for lang, words in wordlists.word_lists(kind, name).items()}
        (folder / f"{kind}.json").write_text(json.dumps(lists), "utf-8")
    return folder
