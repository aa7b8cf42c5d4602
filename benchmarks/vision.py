"""Images and clips: what one core decodes, crops and judges in a second.

    python -m benchmarks.vision [--data FOLDER] [--images 200] [--clips 12]

The folder holds `llava_pretrain.jsonl` and `t2v_pool.jsonl` with their media beside. ViT-B/32 has random weights. Whole
recipes are measured by `benchmarks.media_recipes`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from transformers import CLIPConfig, CLIPModel

from benchmarks.inputs import REAL
from benchmarks.process import command_line
from dj_assets import settings
from dj_assets.media.clip import OpenClip
from dj_assets.media.image import OpenImage
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import MotionScore
from dj_assets.models.vision.clip import ClipModel
from dj_assets.models.vision.device import Device
from dj_assets.models.vision.pixels import BICUBIC, CLIP_MEAN, CLIP_STD, Geometry
from dj_assets.operators.views.crops import Crop

RESULTS = Path(__file__).parent / "results" / "vision.json"
CLIP_CROP = Geometry(224, 224, shortest_edge=224, resample=BICUBIC)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=REAL)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--clips", type=int, default=12)
    options = parser.parse_args()
    if not settings.SINGLE_THREAD_ENV.items() <= os.environ.items():
        # libraries make their threads while they load
        alone = {**os.environ, **settings.SINGLE_THREAD_ENV}
        raise SystemExit(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.vision", *sys.argv[1:]], check=False, env=alone
            ).returncode
        )
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "command": command_line("vision"),
            "load": os.getloadavg()[0],
            "per_core": _cores(options, Path(folder)),
        }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for name, figure in found["per_core"].items():
        print(f"{name:45s} {figure:8.1f}")


def _cores(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Return things done per second of CPU time, in one process and one thread."""
    images = [options.data / path for path in _paths(options.data / "llava_pretrain.jsonl", options.images)]
    clips = [options.data / path for path in _paths(options.data / "t2v_pool.jsonl", options.clips)]
    crops: list[Any] = []
    # loads the kernels of the flow
    _motion(clips[-1])
    rates = {
        "images decoded and cropped to 224": _rate(_crop(path, crops) for path in images),
        "frames decoded front to back, by decord": _rate(_frames(path) for path in clips),
        "pairs of frames for motion": _rate(_motion(path) for path in clips),
    }
    return rates | _models(crops[:64], folder)


def _rate(steps: Iterable[int]) -> float:
    """Return how many things a second of CPU time the steps did."""
    started = time.process_time()
    done = sum(steps)
    return round(done / (time.process_time() - started), 1)


def _crop(path: Path, crops: list[Any]) -> int:
    with OpenImage(MediaLocation(str(path))) as image:
        crops.append(Crop(CLIP_CROP)(image))
    return 1


def _frames(path: Path) -> int:
    with OpenClip(MediaLocation(str(path))) as clip:
        return sum(1 for _ in clip.rgb(range(min(300, len(clip.decoder)))))


def _motion(path: Path) -> int:
    """Score the motion of a clip; return the pairs of frames that two a second make."""
    with OpenClip(MediaLocation(str(path))) as clip:
        MotionScore(sampling_fps=2)(clip)
        return int(2 * (clip.duration or 0))


def _models(crops: list[Any], folder: Path) -> dict[str, float]:
    """Return images and texts a second through ViT-B/32 with random weights, loaded as a real checkpoint is."""
    _checkpoint(folder)
    clip = ClipModel(folder, Device("cpu"))
    texts = [f"a photograph of {n} cats on a table beside a window" for n in range(64)]

    def did(work: Callable[[], object], count: int) -> Iterator[int]:
        work()
        yield count

    clip.encode_images(crops[:1])
    return {
        "images through ViT-B/32": _rate(did(lambda: clip.encode_images(crops), len(crops))),
        "texts through ViT-B/32": _rate(did(lambda: clip.encode_texts(texts), len(texts))),
    }


def _checkpoint(folder: Path) -> None:
    """Write ViT-B/32 as the released one is laid out; the merges of its texts come with open_clip."""
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    crop = {"do_center_crop": True, "size": {"shortest_edge": 224}, "crop_size": 224, "resample": BICUBIC}
    channels = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD}
    (folder / "preprocessor_config.json").write_text(json.dumps({**crop, **channels}), "utf-8")


def _records(path: Path, count: int) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line, _ in zip(lines, range(count), strict=False):
            yield json.loads(line)


def _paths(path: Path, count: int) -> list[str]:
    """Return the media that samples list and that a decoder can open; damage is for the recipes."""
    listed = [one for record in _records(path, count) for one in record.get("videos", [record.get("image")])]
    return [one for one in dict.fromkeys(listed) if one and _opens(path.parent / one)]


def _opens(path: Path) -> bool:
    opened: Any = OpenClip(MediaLocation(str(path))) if path.suffix in {".mp4", ".webm", ".mkv", ".avi"} else None
    if opened is None:
        return path.is_file() and path.stat().st_size > 0
    with opened:
        try:
            return len(opened.decoder) > 1
        except (OSError, RuntimeError, ValueError):
            return False


if __name__ == "__main__":
    main()
