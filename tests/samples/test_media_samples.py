"""The shipped images, clips and annotations are what the generator makes, with the defects they are said to hold."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

import dj_assets.samples
from dj_assets.samples.clips import FPS
from dj_assets.samples.media_samples import PLANTED, annotation_files, media
from dj_assets.samples.photos import llava_records
from dj_assets.samples.pools import POOLS, clips_of
from dj_assets.samples.scenes import Scene

FOLDER = Path(dj_assets.samples.__file__).parent


def test_regenerating_gives_the_shipped_annotations():
    for path, text in annotation_files().items():
        assert (FOLDER / path).read_text("utf-8") == text, path


def test_every_image_and_clip_ships_and_nothing_else_and_they_are_small():
    wanted = {FOLDER / path for path in media()}
    shipped = {path for ending in ("jpg", "mp4") for path in FOLDER.rglob(f"*.{ending}")}
    assert shipped == wanted
    assert sum(path.stat().st_size for path in shipped) < 1_500_000


def test_shipped_images_show_what_is_drawn_whatever_the_encoder():
    for path, content in list(media().items())[:12]:
        if path.suffix == ".jpg" and path.parent.name.isdigit():
            drawn, shipped = (
                np.asarray(Image.open(file).convert("RGB"), np.int16) for file in (io.BytesIO(content()), FOLDER / path)
            )
            assert np.abs(drawn - shipped).mean() < 2, path


def test_a_scene_is_drawn_alike_every_time_and_told_in_its_caption():
    scene = Scene.of("some")
    assert scene.picture(60, 40).tobytes() == Scene.of("some").picture(60, 40).tobytes()
    assert scene.colour in scene.caption
    assert scene.thing in scene.caption


@pytest.mark.parametrize("kind", ["zero_bytes", "truncated", "missing", "outside", "url", "no_image", "duplicate"])
def test_defects_are_planted_in_the_records_they_are_listed_for(kind, monkeypatch):
    # whoever opened an image of a sample in this process has switched tolerance on
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    records, planted = llava_records()
    listed = json.loads((FOLDER / PLANTED).read_text("utf-8"))["llava"]
    assert listed == planted
    images = [records[number]["image"] for number in planted[kind]]
    found = [FOLDER / "llava" / image for image in images]
    if kind == "zero_bytes":
        assert [path.stat().st_size for path in found] == [0]
    elif kind == "truncated":
        with pytest.raises(OSError, match="truncated"):
            Image.open(found[0]).load()
    elif kind == "no_image":
        with pytest.raises(OSError, match="cannot identify"):
            Image.open(found[0])
    elif kind == "duplicate":
        assert all(sum(record.get("image") == image for record in records) == 2 for image in images)
    else:
        assert not any(path.is_file() for path in found)


def test_clips_have_the_length_size_and_movement_they_are_made_with():
    import av

    name, clip, _ = clips_of("internvid")[0]
    with av.open(str(FOLDER / "t2v" / "internvid" / name)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="gray").astype(np.int16) for frame in container.decode(stream)]
        assert (stream.width, stream.height, len(frames)) == (clip.width, clip.height, round(clip.seconds * FPS))
    assert np.abs(frames[0] - frames[-1]).mean() > 2


def test_every_pool_has_clips_and_some_of_them_a_defect():
    assert {pool: len(clips_of(pool)) for pool in POOLS} == {"internvid": 10, "panda_70m": 9, "msr_vtt": 5, "pexels": 6}
    kinds = {planted for pool in POOLS for _, _, planted in clips_of(pool) if planted}
    assert kinds == {"zero_bytes", "duplicate", "still", "truncated", "short", "missing", "mismatched"}
