"""Img-Diff on a cluster: pictures, answers, boxes and outcomes are those of one machine."""

from __future__ import annotations

import duckdb
import pyarrow.parquet as pq

from dj_assets.subset import run_recipe
from tests.img_diff import pipeline, write_captions


def test_img_diff_on_ray_equals_that_on_one_machine(raylets, tmp_path, monkeypatch):
    source = write_captions(tmp_path, monkeypatch)
    bounds = {"img_diff_crop_similarity_filter": {"max_score": 0.99}}
    runs = {
        engine: run_recipe(pipeline(**bounds), [source], tmp_path / engine, workers=1, engine=engine)
        for engine in ("local", "ray")
    }
    assert runs["ray"].manifest.engine == "ray" and runs["ray"].samples_out == runs["local"].samples_out > 0

    def content(engine: str) -> list[object]:
        out = tmp_path / engine
        rows = [row for part in sorted((out / "refined").iterdir()) for row in pq.read_table(part).to_pylist()]
        with duckdb.connect(str(out / "stats.duckdb"), read_only=True) as connection:
            dropped = connection.execute("SELECT id, operator, reason FROM dropped ORDER BY ALL").fetchall()
            calls = connection.execute(
                "SELECT operator, count(*) FROM generations GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        media = {path.name: path.read_bytes() for path in (out / "media").rglob("*.jpg")}
        return [rows, dropped, calls, media]

    assert content("ray") == content("local")
