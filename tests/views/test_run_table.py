from __future__ import annotations

import io

from rich.console import Console

from dj_assets.recipe.model import AssetBlock, GalleryRecipe, Recipe, Reference
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult
from dj_assets.views.run_table import gallery_table, render_gallery


def test_the_gallery_at_a_glance(small: tuple[Plan, RunResult]) -> None:
    _, result = small
    reference = Reference(rows_in=1000, rows_out=944, published_retention=0.9442)
    c4 = GalleryRecipe("c4.yaml", (), asset=AssetBlock(subset="c4", group="redpajama", reference=reference))
    rows = gallery_table([(c4, result), (Recipe("mine.yaml", (), project_name="mine"), result)])
    assert (rows[0].subset, rows[0].samples_in, rows[0].samples_out, rows[0].quarantined) == (
        "redpajama/c4",
        101,
        60,
        1,
    )
    assert (rows[0].published, rows[1].published, rows[1].subset) == (0.9442, None, "mine")
    console = Console(file=io.StringIO(), width=100)
    console.print(render_gallery(rows))
    lines = console.file.getvalue().splitlines()
    assert lines[0].split() == ["subset", "in", "out", "kept", "published", "s", "quar."]
    assert lines[1].split()[:7] == ["redpajama/c4", "101", "60", "59.4", "%", "94.42", "%"]
    assert lines[2].split()[:6] == ["mine", "101", "60", "59.4", "%", "–"]
    assert lines[3].split()[:6] == ["2", "subsets", "202", "120", "59.4", "%"]
