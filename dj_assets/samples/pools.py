"""The four pools of captioned clips, with the annotations of InternVid, Panda-70M, MSR-VTT and Pexels."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from dj_assets.samples.clips import SampleClip
from dj_assets.samples.grammar import Dice
from dj_assets.samples.scenes import Scene

Record = dict[str, Any]
POOLS = ("internvid", "panda_70m", "msr_vtt", "pexels")
_NAMES: dict[str, list[str]] = {
    "internvid": [f"clips/iv{number:02}.mp4" for number in range(10)],
    "panda_70m": [f"pv{video}_{clip}.mp4" for video in range(3) for clip in range(3)],
    "msr_vtt": [f"video{number}.mp4" for number in range(5)],
    "pexels": [f"clips/pexels_{number:02}.mp4" for number in range(6)],
}
_PLANTED_CLIPS = {
    ("internvid", 2): "zero_bytes",
    ("internvid", 5): "duplicate",
    ("internvid", 8): "still",
    ("panda_70m", 4): "truncated",
    ("panda_70m", 7): "short",
    ("msr_vtt", 3): "missing",
    ("pexels", 1): "mismatched",
    ("pexels", 4): "still",
}


def clips_of(pool: str) -> list[tuple[str, SampleClip, str]]:
    """Return the clips of one of the four pools: name, content and planted defect of each."""
    dice = Dice(f"t2v/{pool}")
    clips = []
    for number, name in enumerate(_NAMES[pool]):
        planted = _PLANTED_CLIPS.get((pool, number), "")
        scene = Scene.of(f"{pool}/{number}")
        if planted == "duplicate":
            scene = Scene.of(f"{pool}/{number - 1}")
        seconds, speed = dice.pick((2.5, 3.0, 3.5)), dice.pick((16, 20, 24, 28))
        clip = SampleClip(scene, 1.0 if planted == "short" else seconds, 0 if planted == "still" else speed)
        clips.append((name, replace(clip, seconds=3.0, speed=20) if _is_duplicate(pool, number) else clip, planted))
    return clips


def _is_duplicate(pool: str, number: int) -> bool:
    """Return whether a clip is a duplicate, or has one as the next clip."""
    return "duplicate" in (_PLANTED_CLIPS.get((pool, number)), _PLANTED_CLIPS.get((pool, number + 1)))


def _caption(clip: SampleClip, planted: str) -> str:
    return "A chef cuts onions in a kitchen while guests wait." if planted == "mismatched" else clip.caption


def _internvid() -> dict[str, str]:
    records = [
        {
            "YoutubeID": f"iv{number:02}",
            "Start_timestamp": f"00:00:{number:02}.000",
            "End_timestamp": f"00:00:{number + 3:02}.000",
            "Caption": _caption(clip, planted),
            "UMT_Score": 0.4 + number / 100,
            "video": name,
        }
        for number, (name, clip, planted) in enumerate(clips_of("internvid"))
    ]
    return {"annotations.jsonl": _lines(records)}


def _panda_70m() -> dict[str, str]:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["videoID", "url", "timestamp", "caption", "matching_score"])
    clips = clips_of("panda_70m")
    for video in range(3):
        three = clips[3 * video : 3 * video + 3]
        times = [[f"0:00:{4 * clip:02}.000", f"0:00:{4 * clip + 3:02}.000"] for clip in range(3)]
        captions = [_caption(clip, planted) for _, clip, planted in three]
        table.writerow([f"pv{video}", f"https://clips.example/{video}", times, captions, [0.5, 0.45, 0.44]])
    return {"train.csv": text.getvalue()}


def _msr_vtt() -> dict[str, str]:
    clips = clips_of("msr_vtt")
    videos = [{"video_id": Path(name).stem, "category": 9, "split": "train"} for name, _, _ in clips]
    sentences = [
        {"caption": caption, "video_id": Path(name).stem, "sen_id": 2 * number + more}
        for number, (name, clip, planted) in enumerate(clips)
        for more, caption in enumerate((_caption(clip, planted), clip.scene.caption.lower()))
    ]
    content = {"info": {"description": "in the manner of MSR-VTT"}, "videos": videos, "sentences": sentences}
    return {"videodatainfo.json": json.dumps(content, indent=1) + "\n"}


def _pexels() -> dict[str, str]:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "title", "video", "content_loc"])
    for number, (name, clip, planted) in enumerate(clips_of("pexels")):
        where = f"https://clips.example/pexels/{number}.mp4"
        table.writerow([f"pexels-{number}", _caption(clip, planted), name, where])
    return {"videos.csv": text.getvalue()}


def general_video() -> str:
    """Return samples in Data-Juicer's layout, one per line, over the clips of all pools."""
    records = [
        {
            "id": f"{pool}-{number}",
            "text": f"<__dj__video> {_caption(clip, planted)} <|__dj__eoc|>",
            "videos": [f"t2v/{pool}/{name}"],
            "meta": {"pool": pool},
        }
        for pool in POOLS
        for number, (name, clip, planted) in enumerate(clips_of(pool))
    ]
    return _lines(records)


def pool_files() -> dict[Path, str]:
    """Return the annotations of every pool, keyed by path."""
    pools = {"internvid": _internvid(), "panda_70m": _panda_70m(), "msr_vtt": _msr_vtt(), "pexels": _pexels()}
    return {Path("t2v", pool, name): text for pool, files in pools.items() for name, text in files.items()}


def _lines(records: list[Record]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)
