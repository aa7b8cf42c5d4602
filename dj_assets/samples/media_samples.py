"""Write the samples with images and clips: `python -m dj_assets.samples.media_samples [FOLDER]`.

Annotations are the same bytes every time. Images and clips have the same content every time, but encoders differ: the
files in the package were made once, with Pillow 13 and PyAV 18.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dj_assets.samples.clips import SampleClip
from dj_assets.samples.photos import Content, llava_records, photos
from dj_assets.samples.pools import POOLS, clips_of, general_video, pool_files

LLAVA = Path("llava/captions.json")
GENERAL = Path("general_video.jsonl")
PLANTED = Path("planted_media.json")


def annotation_files() -> dict[Path, str]:
    """Return every text file, keyed by its path: the same bytes every time."""
    records, planted = llava_records()
    listed: dict[str, object] = {"llava": planted}
    for pool in POOLS:
        listed[pool] = {planted: [name] for name, _, planted in clips_of(pool) if planted}
    return {
        LLAVA: json.dumps(records, indent=1) + "\n",
        GENERAL: general_video(),
        PLANTED: json.dumps(listed, indent=1) + "\n",
        **pool_files(),
    }


def media() -> dict[Path, Content]:
    """Return functions that make every image and clip, keyed by path."""
    contents: dict[Path, Content] = {}
    for photo in photos():
        if photo.image is not None and photo.content is not None:
            contents.setdefault(LLAVA.parent / photo.image, photo.content)
    for pool in POOLS:
        for name, clip, planted in clips_of(pool):
            if planted != "missing":
                contents[Path("t2v", pool, name)] = _file_of(clip, planted)
    return contents


def _file_of(clip: SampleClip, planted: str) -> Content:
    if planted == "zero_bytes":
        return lambda: b""
    if planted == "truncated":
        return lambda: clip.encoded()[:2500]
    return clip.encoded


def write(folder: Path) -> None:
    """Write all annotations, images and clips."""
    for path, text in annotation_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    for path, content in media().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
