"""A flipped byte, which most readers take for data: it is noticed, told with the cure, and mended by the next run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import dj_assets
from dj_assets.errors import DamagedError
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.publish.export.export import Export
from dj_assets.recipe.load import load_recipe
from dj_assets.subset.verifying import Verified, verify
from dj_assets.what_if.session import Session
from tests.subset.conftest import RECIPE
from tests.subset.test_faults import OTHER, run, tables
from tests.test_subset import contents


def flip(path: Path, seed: object = 0) -> None:
    data = bytearray(path.read_bytes())
    place = random.Random(f"{path.name}{seed}").randrange(len(data))
    data[place] ^= 1 << random.Random(seed).randrange(8)
    path.write_bytes(data)


def verified(out: Path) -> Verified:
    layout = Layout.output(out)
    return verify(layout, newest_run(layout))


def measured_again(out: Path, sources: list[Path], recipe: dict = RECIPE) -> set[str]:
    manifests = {path.name: path.stat().st_mtime_ns for path in (out / ".dj/shards").iterdir()}
    run(sources, out, recipe)
    return {p.name for p in (out / ".dj/shards").iterdir() if p.stat().st_mtime_ns != manifests.get(p.name)}


def test_an_undamaged_subset_is_told_so(out):
    files = [*(out / ".dj").glob("*/0000?.parquet"), *(out / "refined").iterdir(), out / "stats.duckdb"]
    assert verified(out) == Verified(len(files), sum(path.stat().st_size for path in files), ())


@pytest.mark.parametrize("kind", ["cleaned", "fields", "stats", "signatures", "rejects"])
def test_any_flipped_byte_is_noticed_and_that_shard_alone_is_measured_again(out, sources, kind):
    before = contents(out)
    path = out / f".dj/{kind}/00001.parquet"
    flip(path)
    assert verified(out).damaged == (
        f"{path}: is damaged; run the subset again: only damaged files are measured again",
    )
    assert measured_again(out, sources) == {"00001.json"}
    assert contents(out) == before
    assert verified(out).damaged == ()


@pytest.mark.parametrize("kind", ["cleaned", "fields", "stats", "signatures"])
def test_a_run_tells_what_it_would_have_read(out, sources, kind):
    stricter = {"process": [*RECIPE["process"][:1], {"text_length_filter": {"min_len": 200}}, RECIPE["process"][2]]}
    path = out / f".dj/{kind}/00002.parquet"
    flip(path, kind)
    with pytest.raises(DamagedError, match=f"{path}: is damaged; run the subset again"):
        run(sources, out, stricter)
    assert contents(out)["refined"], "what was published is still there"
    assert measured_again(out, sources, stricter) == {"00002.json"}
    dj_assets.run_recipe(stricter, sources, out.with_name("fresh"), workers=1)
    assert contents(out) == contents(out.with_name("fresh"))


def test_a_refined_file_is_refined_again_and_nothing_is_measured(out, sources, tmp_path):
    before, part = contents(out), out / "refined/part-00001.parquet"
    flip(part)
    with pytest.raises(DamagedError, match=f"{part}: is damaged; run the subset again: it is refined again"):
        Export(Layout.output(out), tmp_path / "e", "jsonl").run()
    assert measured_again(out, sources) == set()
    assert contents(out) == before
    assert Export(Layout.output(out), tmp_path / "e", "jsonl").run().samples == sum(
        map(len, before["refined"].values())
    )


def test_an_unchanged_refined_file_keeps_its_first_checksum(out, sources):
    """A version that takes a damaged file over must not take it for sound."""
    flip(out / "refined/part-00000.parquet")
    longer = {"process": [*RECIPE["process"][:1], {"text_length_filter": {"min_len": 20, "max_len": 10_000}}]}
    longer["process"].append(RECIPE["process"][2])
    run(sources, out, longer)
    (line,) = verified(out).damaged
    assert "part-00000.parquet: is damaged" in line


def test_a_database_is_told_and_rebuilt(out):
    layout = Layout.output(out)
    before = tables(layout.database)
    flip(layout.database)
    assert verified(out).damaged == (f"{layout.database}: is damaged; rebuild it with 'dj-assets rebuild {out}'",)
    from dj_assets.subset.rebuilding import rebuild

    rebuild(layout, newest_run(layout))
    assert verified(out).damaged == ()
    assert tables(layout.database) == before


def test_near_pairs_and_fates_are_found_again(out, sources):
    run(sources, out, OTHER)
    before = contents(out)
    for path in (*(out / ".dj/near_pairs").iterdir(), out / ".dj/decision/fates.parquet"):
        data = bytearray(path.read_bytes())
        data[10] ^= 1
        path.write_bytes(data)
    run(sources, out)
    run(sources, out, OTHER)
    assert contents(out) == before


def test_the_page_of_sliders_tells(out, sources):
    flip(out / ".dj/rejects/00000.parquet")
    with pytest.raises(DamagedError, match=r"rejects/00000\.parquet: is damaged; run the subset again"):
        Session(load_recipe(RECIPE), out, 1)
    assert measured_again(out, sources) == {"00000.json"}
