"""Operators that make media files: which samples they take, where the files are, damage and kills."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import av
import duckdb
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.explain import explain
from dj_assets.errors import UserError
from dj_assets.home.home import output_layout
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run
from dj_assets.media.clip_parts import ClipPart, PartsOfDuration
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Request
from dj_assets.publish.fetching import fetch
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.stores.made_media import MadeMedia
from dj_assets.subset import Options, Subset
from dj_assets.subset.made_media import unlisted
from dj_assets.subset.measured_run import MeasuredRun
from dj_assets.subset.verifying import verify
from tests.media import made

CUT = {"split_duration": 1, "min_last_split_duration": 0.3, "keep_original_sample": False}


def process(least: int = 5, shortest: float = 0.9, **cut: object) -> list[object]:
    return [
        {"text_length_filter": {"min_len": least}},
        {"video_split_by_duration_mapper": {**CUT, **cut}},
        {"video_duration_filter": {"min_duration": shortest, "any_or_all": "all"}},
    ]


@pytest.fixture
def source(tmp_path: Path) -> list[Path]:
    """Three files of samples: texts of different lengths, clips of 1 to 2.5 seconds, one damaged, one listed twice."""
    folder = tmp_path / "in"
    for name, frames in (("a", 10), ("b", 20), ("c", 25), ("d", 14)):
        made.clip(folder / f"{name}.mp4", frames, seed=frames)
    (folder / "cut.mp4").write_bytes((folder / "c.mp4").read_bytes()[:3000])
    lines = [
        [("<__dj__video> one", ["a.mp4"]), ("<__dj__video> and <__dj__video> two", ["b.mp4", "c.mp4"])],
        [("<__dj__video>", ["d.mp4"]), ("<__dj__video> the damaged one", ["cut.mp4"]), ("no clip at all", [])],
        [("<__dj__video> the one of before", ["b.mp4"])],
    ]
    for number, samples in enumerate(lines):
        records = [{"text": text, "videos": videos} for text, videos in samples]
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return sorted(folder.glob("*.jsonl"))


def run(source: list[Path], out: Path, steps: list[object] | None = None, **options: object) -> dj_assets.RunResult:
    recipe = {"process": steps or process(), **options.pop("keys", {})}
    return dj_assets.run_recipe(recipe, source, out, **{"workers": 1, "overwrite": True, **options})


def refined(out: Path) -> list[dict[str, object]]:
    return [row for path in sorted((out / "refined").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def files(out: Path) -> dict[str, str]:
    """Return the checksums of the made files: a whole file would be printed where two differ."""
    made = (out / "media").glob("*/[!.]*")
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are made from now on, in this process."""
    names: list[str] = []
    write = MadeMedia.write

    def writing(self: MadeMedia, content: bytes, suffix: str) -> str:
        names.append(write(self, content, suffix))
        return names[-1]

    monkeypatch.setattr(MadeMedia, "write", writing)
    return names


def seconds(path: Path) -> float:
    with av.open(str(path)) as clip:
        return float(clip.streams.video[0].duration * clip.streams.video[0].time_base)


def test_parts_take_the_place_of_clips(source, tmp_path):
    result = run(source, tmp_path / "out", process(shortest=0))
    rows = refined(tmp_path / "out")
    assert [row["text"] for row in rows] == [
        "<__dj__video> one<|__dj__eoc|>",
        "<__dj__video><__dj__video> and <__dj__video><__dj__video><__dj__video> two<|__dj__eoc|>",
        "<__dj__video><__dj__video><|__dj__eoc|>",
        "<__dj__video><__dj__video> the one of before<|__dj__eoc|>",
    ]
    assert [row["__dj__source_file__"] for row in rows] == [
        ["a.mp4"],
        ["b.mp4"] * 2 + ["c.mp4"] * 3,
        ["d.mp4"] * 2,
        ["b.mp4"] * 2,
    ]
    lengths = [[round(seconds(tmp_path / "out" / name), 2) for name in row["videos"]] for row in rows]
    assert lengths == [[1], [1, 1, 1, 1, 0.5], [1, 0.4], [1, 1]]
    # two samples list the same clip: its parts are made once
    assert rows[1]["videos"][:2] == rows[3]["videos"]
    assert len(files(tmp_path / "out")) == 8
    run_ = result.manifest
    # the sample without a clip has no child, and is replaced by none
    assert (run_.samples_in, run_.created, run_.expanded, run_.quarantined) == (6, 4, 5, 1)
    [lost] = pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()
    assert "cut.mp4" in lost["error"]


def test_originals_stay_with_their_parts(source, tmp_path):
    run(source, tmp_path / "out", process(shortest=0, keep_original_sample=True))
    texts = [row["text"] for row in refined(tmp_path / "out")]
    assert texts[:2] == ["<__dj__video> one", "<__dj__video> one<|__dj__eoc|>"]
    assert "no clip at all" in texts


def test_parts_in_a_field_of_their_own(source, tmp_path):
    steps = process(save_field="parts", legacy_split_by_text_token=False)
    steps[-1]["video_duration_filter"]["video_key"] = "parts"
    run(source, tmp_path / "out", steps)
    rows = refined(tmp_path / "out")
    assert [row["videos"] for row in rows] == [["a.mp4"], ["b.mp4"]]
    assert [len(row["parts"]) for row in rows] == [1, 2]


def test_clips_without_a_mark_are_cut_only_if_asked(source, tmp_path):
    (source[0].parent / "0.jsonl").write_text('{"text": "no mark", "videos": ["b.mp4"]}\n')
    run(source[:1], tmp_path / "legacy", process(shortest=0))
    run(source[:1], tmp_path / "all", process(shortest=0, legacy_split_by_text_token=False))
    assert [row["videos"] for row in refined(tmp_path / "legacy")] == [[]]
    assert [len(row["videos"]) for row in refined(tmp_path / "all")] == [2]


def test_a_bound_before_decides_which_clips_are_cut(source, tmp_path, written):
    out = tmp_path / "out"
    run(source, out, process(least=20))
    first = list(written)
    assert len(first) == len(set(first)) == 5
    written.clear()
    run(source, out, process(least=30))
    assert written == [], "a tighter bound cuts nothing"
    assert len(refined(out)) == 1
    run(source, out, process(least=13))
    assert len(written) == 3, "a looser bound cuts only the clips of admitted samples: a and d"
    written.clear()
    run(source, out, process(least=13, shortest=0))
    assert written == [], "a bound behind measures nothing"


def test_a_clip_that_was_cut_is_not_looked_at_again(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(source, out)
    before = {path: path.stat().st_mtime_ns for path in (out / "media").glob("*/.*.json")}
    assert len(before) == 4
    asked: list[tuple[str, object]] = []
    read = MediaReader.read

    def reading(self: MediaReader, requests: Sequence[Request]) -> object:
        asked.extend(
            (Path(request.location.path).name, feature) for request in requests for feature in request.features
        )
        return read(self, requests)

    monkeypatch.setattr(MediaReader, "read", reading)
    run(source, out, process(least=6))
    cut = {name for name, feature in asked if isinstance(feature, PartsOfDuration | ClipPart)}
    assert {name for name, _ in asked} > cut
    assert cut <= {"cut.mp4"}, "only the damaged one, of which nothing was made"
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_all_samples_are_cut_where_the_recipe_says_so(source, tmp_path, written):
    keys = {"asset": {"subset": "clips", "group": "mine", "stats": "full"}}
    run(source, tmp_path / "out", process(least=30), keys=keys)
    assert len(written) == 8
    run(source, tmp_path / "out", process(least=5), keys=keys)
    assert len(written) == 8
    plan = make_plan(load_recipe({"process": process(least=30), **keys}))
    kept = MeasuredRun.open(tmp_path / "out", plan).kept(make_plan(load_recipe({"process": process(least=5), **keys})))
    assert kept.by_recipe == len(refined(tmp_path / "out"))


def test_bounds_before_new_files_can_be_moved_by_a_run_only(source, tmp_path):
    run(source, tmp_path / "out")
    opened = MeasuredRun.open(tmp_path / "out", make_plan(load_recipe({"process": process()})))
    assert opened.kept(make_plan(load_recipe({"process": process(shortest=0)}))).by_recipe == 4
    with pytest.raises(UserError, match="or bounds before video_split_by_duration_mapper"):
        opened.kept(make_plan(load_recipe({"process": process(least=1)})))


def test_workers_and_shards_change_nothing(source, tmp_path):
    run(source, tmp_path / "one")
    run(source, tmp_path / "two", workers=2)
    assert refined(tmp_path / "one") == refined(tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    recipe = load_recipe({"process": process(), "asset": {"subset": "clips", "group": "mine", "shards": {"files": 1}}})
    subset = Subset(recipe, source, Layout.home(tmp_path / "home"), Options(workers=1))
    names = [group.name for group in subset.groups]
    assert len(names) == 3
    for name in names:
        subset.measure(shard=name)
    subset.deduplicate()
    for name in names:
        subset.refine_shard(name)
    assert refined(tmp_path / "home") == refined(tmp_path / "one")
    assert files(tmp_path / "home") == files(tmp_path / "one")


def test_a_lost_file_is_made_again_and_others_are_not(source, tmp_path, written):
    out = tmp_path / "out"
    run(source, out)
    before = files(out)
    lost = next(name for name in before if name in refined(out)[0]["videos"])
    (out / lost).unlink()
    written.clear()
    run(source, out)
    assert written == [lost]
    assert files(out) == before


def test_damaged_files_are_found_by_their_names(source, tmp_path):
    out = tmp_path / "out"
    result = run(source, out)
    layout = output_layout(out)
    before = files(out)
    name = min(before)
    (out / name).write_bytes((out / name).read_bytes()[:-1] + b"x")
    [line] = verify(layout, result.manifest).damaged
    assert name in line
    again = run(source, out)
    assert files(out) == before
    assert verify(layout, again.manifest).damaged == ()


def test_files_that_no_sample_lists_can_go(source, tmp_path):
    out = tmp_path / "home"
    recipe = load_recipe({"process": process(), "asset": {"subset": "clips", "group": "mine"}})
    Subset(recipe, source, Layout.home(out), Options(workers=1)).run()
    assert [*unlisted(Layout.home(out))] == []
    wanted = files(out)
    longer = load_recipe({"process": process(split_duration=2), "asset": {"subset": "clips", "group": "mine"}})
    Subset(longer, source, Layout.home(out), Options(workers=1)).run()
    run(source, tmp_path / "alone", process(split_duration=2))
    listed = files(tmp_path / "alone").keys()
    gone = {surplus.path.relative_to(out).as_posix() for surplus in unlisted(Layout.home(out))}
    assert {name for name in gone if name.endswith(".mp4")} == wanted.keys() - listed
    assert any(name.endswith(".json") for name in gone)
    assert not gone & listed


def test_a_subset_of_a_subset_reads_the_files_that_it_made(source, tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    asset = {"subset": "parts", "group": "mine", "source": {"paths": str(source[0].parent / "*.jsonl")}}
    Subset.of_asset(load_recipe({"process": process(), "asset": asset})).run()
    further = {
        "process": [{"video_split_by_duration_mapper": {"split_duration": 0.5, "keep_original_sample": False}}],
        "asset": {"subset": "halves", "group": "mine", "source": {"subset": "parts"}},
    }
    Subset.of_asset(load_recipe(further)).run()
    rows = refined(tmp_path / "home/halves")
    assert [len(row["videos"]) for row in rows] == [2 * len(row["videos"]) for row in refined(tmp_path / "home/parts")]
    assert {round(seconds(tmp_path / "home/halves" / name), 2) for row in rows for name in row["videos"]} == {0.5}


def test_a_subset_of_subsets_reads_the_files_of_the_first_source(source, tmp_path, monkeypatch):
    monkeypatch.setenv("DJ_PROJECT", str(tmp_path))
    monkeypatch.setenv("DJ_HOME", str(tmp_path / "home"))
    names = ("texts", "again", "lengths")
    steps = ({"text_length_filter": {}}, {"text_length_filter": {}}, {"video_duration_filter": {"min_duration": 1.5}})
    sources = ({"paths": str(source[0].parent / "*.jsonl")}, {"subset": "texts"}, {"subset": "again"})
    for name, step, given in zip(names, steps, sources, strict=True):
        asset = {"subset": name, "group": "mine", "source": given}
        last = Subset.of_asset(load_recipe({"process": [step], "asset": asset})).run()
    # the damaged clip alone is quarantined; no file was copied
    assert (last.quarantined, sorted(name for row in refined(tmp_path / "home/lengths") for name in row["videos"])) == (
        1,
        ["b.mp4", "b.mp4", "c.mp4"],
    )
    assert not (tmp_path / "home/lengths/media").exists()


def test_the_way_of_a_part_is_told(source, tmp_path):
    result = run(source, tmp_path / "out", process(shortest=0))
    recipe = load_recipe({"process": process(shortest=0)})
    [trace] = explain(make_plan(recipe), output_layout(tmp_path / "out"), result.manifest, "0.jsonl:1#1")
    assert trace.steps[1].summary.startswith("makes this sample from 0.jsonl:1")
    [parent] = explain(make_plan(recipe), output_layout(tmp_path / "out"), result.manifest, "0.jsonl:1")
    assert parent.outcome.startswith("replaced by")


def test_an_object_store_holds_the_same_files(source, tmp_path, lake, written):
    run(source, tmp_path / "out")
    written.clear()
    run(source, f"{lake}/out", overwrite=False)
    layout = output_layout(f"{lake}/out")
    fetch(layout, newest_run(layout).run_id, tmp_path / "fetched")
    assert refined(tmp_path / "fetched") == refined(tmp_path / "out")
    assert files(tmp_path / "fetched") == files(tmp_path / "out")
    assert len(written) == 8
    written.clear()
    run(source, f"{lake}/out", process(least=30))
    assert written == [], "a tighter bound cuts nothing"


SLOW = """
process:
  - text_length_filter: {min_len: 5}
  - video_split_by_duration_mapper: {split_duration: 0.2, keep_original_sample: false}
  - video_duration_filter: {min_duration: 0.1}
"""


def test_a_run_killed_while_it_writes_goes_on(source, tmp_path):
    (tmp_path / "slow.yaml").write_text(SLOW)

    def start(out: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dj_assets.cli", "run", str(tmp_path / "slow.yaml"), "--workers", "2"]
        options = ["--input", str(source[0].parent / "*.jsonl"), "--output", str(out)]
        return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    whole = start(tmp_path / "whole")
    assert whole.wait(120) == 0, whole.stderr.read().decode()
    killed = start(tmp_path / "out")
    while killed.poll() is None and not any((tmp_path / "out/media").glob("*/[!.]*")):
        time.sleep(0.001)
    assert killed.poll() is None, killed.stderr.read().decode()
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/media").glob("*/[!.]*")}
    (tmp_path / "out/media/ab").mkdir(exist_ok=True)
    left = tmp_path / "out/media/ab/.cd.mp4.4000000@nowhere.tmp"
    left.write_bytes(b"part of a clip")
    again = start(tmp_path / "out")
    assert again.wait(120) == 0, again.stderr.read().decode()
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert refined(tmp_path / "out") == refined(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items()), "no file is written twice"
    assert [path for path in (tmp_path / "out").rglob("*.tmp") if path != left] == []


def test_statistics_of_parts_are_those_of_clips(source, tmp_path):
    run(source, tmp_path / "out")
    with duckdb.connect(str(tmp_path / "out/stats.duckdb"), read_only=True) as connection:
        query = "SELECT id, video_duration FROM stats ORDER BY ALL"
        measured = dict(connection.execute(query).fetchall())
    assert measured["0.jsonl:1#1"] == pytest.approx([1, 1, 1, 1, 0.5])
    assert measured["0.jsonl:1"] is None
