"""Pair sheets of a real run: every box, its outcome as the tables have it, the words that differ, and the heat map."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter

import duckdb
import numpy as np
import pytest
from PIL import Image

import dj_assets
from dj_assets.analysis.image_pairs import PairsOfRun
from dj_assets.home.layout import Layout
from dj_assets.publish.database import reading
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.subset.finished import finished_run
from dj_assets.views.page.image_pairs import sheet
from dj_assets.views.pair_legend import legend, style_of
from dj_assets.views.pair_pictures import heat_map
from dj_assets.views.release import write_report
from tests.img_diff import run, write_captions

# Bounds under which boxes of one pair have several outcomes.
BOUNDS = {
    "img_diff_object_filter": {"min_score": 0.05},
    "img_diff_crop_similarity_filter": {"min_score": -1, "max_score": 0.99},
}


@pytest.fixture(scope="module")
def pairs_of_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        source = write_captions(tmp_path_factory.mktemp("pairs"), patch)
        run(source, **BOUNDS)
        layout, manifest = finished_run(str(source.parent / "out"))
        yield PairsOfRun(make_plan(load_recipe(manifest.recipe_content())), layout, manifest)


@pytest.fixture(scope="module")
def pairs(pairs_of_run):
    with reading(pairs_of_run.layout.database) as connection:
        return pairs_of_run.examples(connection, 6)


def outcomes(layout: Layout) -> dict[str, tuple[str, str]]:
    """Kind and operator of every box, read from the tables alone."""
    query = """
        SELECT id, 'kept', '' FROM stats WHERE parent_row IS NOT NULL
            AND (shard, row) NOT IN (SELECT (shard, row) FROM dropped)
        UNION ALL SELECT id, 'dropped', operator FROM dropped
    """
    with duckdb.connect(str(layout.database), read_only=True) as connection:
        return {name: (kind, operator) for name, kind, operator in connection.execute(query).fetchall()}


def test_a_sheet_has_all_boxes_of_its_pair_with_the_outcomes_of_the_tables(pairs_of_run, pairs):
    assert [len(pair.boxes) for pair in pairs] == [17, 17]
    found = {box.id: (box.outcome.kind, box.outcome.operator) for pair in pairs for box in pair.boxes}
    assert found == outcomes(pairs_of_run.layout)
    kinds = Counter(found.values())
    assert {"kept", "dropped"} == {kind for kind, _ in kinds} and len(kinds) >= 3
    cells = [pair.boxes[:16] for pair in pairs]
    grid = {(left, top, 16.0, 16.0) for left in range(0, 64, 16) for top in range(0, 64, 16)}
    assert all({box.area for box in boxes} == grid and {box.side for box in boxes} == {1} for boxes in cells)
    assert all(pair.boxes[16].side == 2 for pair in pairs)
    counts = [sum(entry.boxes for entry in legend(pairs_of_run.plan, pair)) for pair in pairs]
    assert counts == [17, 17]


def test_one_pair_with_a_kept_box_stands_beside_one_that_lost_all(pairs):
    kept = [any(box.outcome.kind == "kept" for box in pair.boxes) for pair in pairs]
    assert kept == [True, False]
    words = [[[part.text for part in side if part.kind != "same"] for side in pair.captions] for pair in pairs]
    assert words == [[["dog"], ["cat"]], [["boat lies at the shore."], ["boat."]]]


def test_the_pair_of_a_box_and_of_its_parent_is_one(pairs_of_run, pairs):
    with reading(pairs_of_run.layout.database) as connection:
        ((row,),) = connection.execute("SELECT row FROM stats WHERE id = '0'").fetchall()
        parent = pairs_of_run.pair(connection, (0, row))
    assert parent.boxes == pairs[0].boxes
    assert parent.outcome.kind == "expanded" and pairs[0].outcome is None


def test_the_heat_map_is_the_root_of_the_difference(pairs_of_run, pairs):
    first, second = pairs_of_run.pictures(pairs[0])
    heat = heat_map(first, second)
    differences = np.sqrt(np.abs(first.astype(float) - second.astype(float)).mean(-1) / 255)
    colours = np.array([(0, 0, 4), (81, 18, 124), (183, 55, 84), (252, 137, 97), (252, 253, 191)], float)
    for y, x in ((5, 40), (5, 5), (40, 40)):
        low = min(int(differences[y, x] * 4), 3)
        share = differences[y, x] * 4 - low
        expected = colours[low] * (1 - share) + colours[low + 1] * share
        assert np.abs(heat[y, x] - expected).max() <= 0.5
    assert differences[5, 40] > 0.3 > 0.1 > differences[40, 40]


def test_the_report_draws_every_box_three_times_and_needs_no_other_file(pairs_of_run, pairs):
    layout, plan = pairs_of_run.layout, pairs_of_run.plan
    write_report(layout.published, pairs_of_run.manifest, plan, layout)
    page = layout.report.read_text("utf-8")
    section = page[page.index('<section id="pairs">') :]
    sheets = section[: section.index("</section>")].split('<div class="sheet">')[1:]
    assert len(sheets) == 2
    for drawn, pair in zip(sheets, pairs, strict=True):
        styles = Counter(re.findall(r'<g class="box ([\w-]+)">', drawn))
        assert styles == {style: 3 * n for style, n in Counter(style_of(plan, b.outcome) for b in pair.boxes).items()}
        pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', drawn)
        sizes = [Image.open(io.BytesIO(base64.b64decode(content))).size for content in pictures]
        assert sizes == [(64, 64)] * 3
        assert re.findall(r'viewBox="([^"]+)"', drawn) == ["0 0 64 64"] * 3
    assert "<del>dog</del>" in sheets[0] and "<ins>cat</ins>" in sheets[0]
    assert re.search(r'x="32" y="0" width="16" height="16"', sheets[0])


def test_without_its_images_a_pair_has_its_captions_and_boxes(pairs_of_run, pairs):
    page = sheet(pairs_of_run.plan, pairs[0], None)
    assert "cannot be opened" in page and "<ins>cat</ins>" in page and "17 boxes" in page
    media = pairs_of_run.layout.published / "media"
    media.rename(media.with_name("gone"))
    try:
        assert pairs_of_run.pictures(pairs[0]) is None
    finally:
        media.with_name("gone").rename(media)


def test_a_run_without_pairs_has_no_section(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a text"}\n')
    out = tmp_path / "out"
    dj_assets.run_recipe({"process": [{"text_length_filter": {}}]}, [tmp_path / "in.jsonl"], out, workers=1)
    assert 'id="pairs"' not in (out / "report.html").read_text()
