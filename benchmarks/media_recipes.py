"""The recipes over images and clips, ours against Data-Juicer: same media, same small models, runs in turns.

    python -m benchmarks.media_recipes [--recipes llava t2v] [--images 374] [--clips 8] [--runs 2] [--peer-python PATH]

The recipes are those of the gallery, `llava/llava_pretrain` and `t2v/t2v_228k`. Their models have random weights here,
whose scores mean nothing, so the thresholds of the T2V recipe's models are opened: else its first operator drops all,
and Data-Juicer, which measures only what is left, has nothing to do. Headers are read by PyAV there, too. Clips are MP4
files of which both can do all. More images than there are come again, with altered words.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.inputs import REAL, ROOT, altered, default_models
from benchmarks.ours import measure_ours
from benchmarks.peer import measure_peer, peer_or_none
from benchmarks.process import command_line
from benchmarks.recipe_tables import media_table
from benchmarks.turns import in_turns, machine, write_result
from dj_assets.models.store import ModelStore

GALLERY = {"llava": "llava/llava_pretrain", "t2v": "t2v/t2v_228k"}
SIZES = {"llava": "images", "t2v": "clips"}
# What stands for the models that the recipes name, where the material lies beside the project.
TINY = {
    "openai/clip-vit-base-patch32": "tiny-clip",
    "Salesforce/blip-itm-base-coco": "tiny-blip-itm",
    "Falconsai/nsfw_image_detection": "tiny-nsfw-vit",
    "shunk031/aesthetics-predictor-v2-sac-logos-ava1-l14-linearMSE": "tiny-aesthetics-predictor-v2-linear",
}
PERPLEXITY = ("en.sp.model", "en.arpa.bin")
CHANGED: Mapping[str, Mapping[str, object]] = {
    "video_nsfw_filter": {"max_score": 1.0},
    "video_frames_text_similarity_filter": {"min_score": -1.0},
    "video_aesthetics_filter": {"min_score": -100.0, "max_score": 100.0},
    # its default needs the program ffprobe
    "video_duration_filter": {"video_backend": "av"},
}
# It has two video streams, and decoders choose differently.
LEFT_OUT = {"nasa_13013.mp4"}


def main() -> None:
    options = _options()
    python = peer_or_none(options.peer_python, options.torch)
    found = {"command": command_line("media_recipes"), "machine": machine(), "workers": options.workers, "recipes": []}
    with tempfile.TemporaryDirectory(prefix="dj-bench-") as name:
        folder = Path(name)
        _models(folder / "models")
        for key, size in [(name, size) for name in options.recipes for size in getattr(options, SIZES[name])]:
            samples = _llava(options.data, size) if key == "llava" else _t2v(options.data, size)
            found["recipes"].append(_measured(key, samples, options, folder, python))
            write_result(found, options.result)
    print(media_table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", choices=sorted(GALLERY), default=sorted(GALLERY))
    parser.add_argument("--data", type=Path, default=REAL, help="folder of llava_pretrain.jsonl and t2v_pool.jsonl")
    parser.add_argument("--images", type=int, nargs="+", default=[374], help="one row each")
    parser.add_argument("--clips", type=int, nargs="+", default=[8], help="one row each")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--peer-runs", type=int, help="runs of Data-Juicer, where fewer must do")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--torch", help="what pip installs for Data-Juicer, e.g. a CPU build of torch")
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment that has Data-Juicer")
    parser.add_argument("--result", default="media_recipes", help="name of the result's file, without .json")
    return parser.parse_args()


def _models(folder: Path) -> None:
    """Put small models where both look for those that the recipes name."""
    given = default_models()
    for name, tiny in TINY.items():
        shutil.copytree(ModelStore.with_folder(None).find(name).path if given is None else given / tiny, folder / name)
    for name in PERPLEXITY:
        shutil.copy(ModelStore.with_folder(given).find(name).path, folder / name)


def _measured(
    key: str, samples: Iterable[dict[str, Any]], options: argparse.Namespace, folder: Path, python: Path | None
) -> dict[str, Any]:
    data, recipe = folder / f"{key}.jsonl", folder / f"{key}.yaml"
    numbered = ({"id": str(number), **sample} for number, sample in enumerate(samples))
    data.write_text("".join(json.dumps(sample) + "\n" for sample in numbered), "utf-8")
    recipe.write_text(yaml.safe_dump(_recipe(key, data, options.data), sort_keys=False), "utf-8")
    return {"recipe": GALLERY[key]} | in_turns(
        options.runs,
        partial(measure_ours, recipe, data, folder, options.workers, folder / "models"),
        python and partial(measure_peer, python, recipe, data, folder, options.workers),
        options.peer_runs or options.runs,
    )


def _recipe(key: str, data: Path, root: Path) -> dict[str, Any]:
    """Return a recipe of the gallery over our input, the thresholds of random models opened."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "recipes" / f"{GALLERY[key]}.yaml").read_text("utf-8"))
    for step in content["process"]:
        for operator, parameters in step.items():
            if operator in CHANGED:
                parameters.update(CHANGED[operator])
    source = {"paths": str(data), "media_root": str(root.resolve())}
    return {**content, "asset": {"subset": key, "group": "benchmarks", "source": source}}


def _llava(data: Path, images: int) -> Iterator[dict[str, Any]]:
    records = _records(data / "llava_pretrain.jsonl")
    rng = random.Random(1)
    for number in range(images):
        turn, place = divmod(number, len(records))
        caption = records[place]["conversations"][1]["value"]
        image = str(data.resolve() / records[place]["image"])
        said = altered(caption, rng) if turn else caption
        yield {"text": f"<image>\n{said} <|__dj__eoc|>", "images": [image]}


def _t2v(data: Path, clips: int) -> Iterator[dict[str, Any]]:
    """Yield evenly chosen ones of the samples whose clip is MP4."""
    root = data.resolve()
    samples = [
        {"text": record["text"], "videos": [str(root / path) for path in record["videos"]]}
        for record in _records(data / "t2v_pool.jsonl")
        if all(Path(path).suffix == ".mp4" and Path(path).name not in LEFT_OUT for path in record["videos"])
    ]
    wanted = min(clips, len(samples))
    yield from (samples[number * len(samples) // wanted] for number in range(wanted))


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
