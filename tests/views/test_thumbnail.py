from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from dj_assets.views.markdown import embed_png
from dj_assets.views.png import palette_png
from dj_assets.views.thumbnail import HEIGHT, WIDTH, thumbnail_png
from tests.published import build, measuring


def decoded(png: bytes) -> np.ndarray:
    """Read a 4 bit palette PNG back, checking every checksum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + content),)
        chunks[name], at = content, at + 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) == (4, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)[:, 1:]
    return np.stack([rows >> 4, rows & 15], axis=2).reshape(height, -1)[:, :width]


def test_pixels_come_back() -> None:
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7) % 3
    assert np.array_equal(decoded(palette_png(pixels, ((0, 0, 0), (9, 9, 9), (255, 0, 0)))), pixels)


def test_the_funnel_is_drawn_to_scale(small: tuple[Plan, RunResult]) -> None:
    plan, result = small
    png = thumbnail_png(result.database, plan)
    pixels = decoded(png)
    assert pixels.shape == (HEIGHT, WIDTH)
    kept = (pixels == 2).sum(axis=0)
    heights = [int(kept[left + 5]) for left in range(6, 6 + 4 * 40, 40)]
    # loading, two filters, one deduplicator; the mapper took nothing and has no bar
    assert heights == [round(after / 101 * 72) for after in (99, 74, 64, 60)]
    assert (pixels == 3).any()
    assert len(embed_png(png)) < 1000


def test_a_recipe_of_a_hundred_steps_and_one_of_none_fit(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    plan, database = build(tmp_path, [measuring(f"x{n}", pa.float64()) for n in range(2)], {"x0": [1.0], "x1": [1.0]})
    assert decoded(thumbnail_png(database, plan)).shape == (HEIGHT, WIDTH)
    plan, database = build(tmp_path / "none", [], {"x": pa.array([], pa.float64())})
    assert decoded(thumbnail_png(database, plan)).shape == (HEIGHT, WIDTH)
