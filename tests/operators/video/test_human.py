"""Annotations of the people in drawn clips, by the process that decodes and by tiny models through the real loaders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.analysis.changed_recipe import with_parameters
from dj_assets.analysis.earlier_samples import annotators_of, earlier_samples
from dj_assets.analysis.people import PeopleOfRun
from dj_assets.assets import demo_human
from dj_assets.assets.pictures import people
from dj_assets.cli.app import app
from dj_assets.models.human.light_asd import network
from dj_assets.models.human.people import people_of
from dj_assets.models.human.person_boxes import estimated
from dj_assets.models.human.tiny_checkpoints import DESCRIBER, TAGS, write_describer, write_speaker
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.video import video_human_tracks_extraction_mapper
from dj_assets.operators.video.video_active_speaker_detect_mapper import VideoActiveSpeakerDetectMapper
from dj_assets.operators.video.video_human_tracks_extraction_mapper import VideoHumanTracksExtractionMapper
from dj_assets.operators.views.human_tracks import rows
from dj_assets.publish.database import open_database
from dj_assets.recipe.gallery import find_gallery
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.samples.people import Figure, PeopleClip, write
from dj_assets.stores.generations import Generations
from dj_assets.subset import Options, Subset
from dj_assets.subset.finished import finished_run, plan_of_run
from dj_assets.views.page.people import people as people_section
from dj_assets.views.page.people import spoken
from dj_assets.views.people_picture import people_picture
from dj_assets.views.release import run_facts
from tests.paths import ROOT

TWO = (Figure(150, speed=20, speaks=(0.1, 1.4)), Figure(470, speed=-20, skin=(180, 140, 110)))
CLIPS = (
    PeopleClip("two", "two", TWO, seconds=2.0),
    PeopleClip("silent", "silent", TWO[:1], seconds=2.0, sounds=False),
    PeopleClip("nobody", "nobody", (), seconds=2.0),
)
# the people with a track in the clips that are kept
PEOPLE = 3
FACES = "demo/faces"
OFFICIAL = [
    {"video_face_ratio_filter": {"threshold": 0.2, "detect_interval": 4, "any_or_all": "any"}},
    {"video_human_tracks_extraction_mapper": {"original_data_save_path": "your_path", "detect_interval": 5}},
    {"video_human_tracks_face_demographic_mapper": {"original_data_save_path": "your_path", "detect_interval": 5}},
    {"video_tagging_from_audio_mapper": {"hf_ast": TAGS, "tag_field_name": "video_audio_tags", "memory": "500MB"}},
    {"video_audio_detect_age_gender_mapper": {"hf_audio_mapper": "audeering/wav2vec2-large-robust-24-ft-age-gender"}},
    {"video_captioning_from_human_tracks_mapper": {"trust_remote_code": True, "temp_video_path": "your_path"}},
    {"video_captioning_face_attribute_emotion_mapper": {"cropping_face_video_temp_path": "your_path"}},
    {"video_active_speaker_detect_mapper": {"temp_save_path": "your_path", "active_threshold": 15}},
    {"video_audio_ASR_mapper": {"model_dir_ASR": "FunAudioLLM/SenseVoiceSmall", "mem_required": "20GB"}},
    {"video_audio_speech_emotion_mapper": {"model_dir_emo": "FunAudioLLM/SenseVoiceSmall", "mem_required": "20GB"}},
]


def test_the_official_demo_recipe_loads_as_it_is_and_under_old_names():
    recipe = load_recipe({"process": OFFICIAL, "video_key": "videos"})
    assert [operator.name for operator in recipe.process] == [next(iter(entry)) for entry in OFFICIAL]
    old = {
        "video_active_speaker_mapper": "video_active_speaker_detect_mapper",
        "video_audio_attribute_mapper": "video_audio_detect_age_gender_mapper",
        "video_audio_speech_ASR_mapper": "video_audio_ASR_mapper",
        "video_humantrack_face_demographic_mapper": "video_human_tracks_face_demographic_mapper",
    }
    assert [operator.name for operator in load_recipe({"process": [*old]}).process] == [*old.values()]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A data home in which all assets of the demo were materialized, with a model of emotions of their own."""
    folder = tmp_path_factory.mktemp("human")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("HOME", "home"), ("PROJECT", "."), ("MODELS", "more")):
            patch.setenv(f"DJ_{name}", str(folder / value))
        patch.setenv("DJ_SOURCE_HUMANVBENCH_CLIPS", str(with_a_damaged_one(write(folder, CLIPS))))
        for name in ("DJ_LLM", "DJ_VLM", "OPENAI_BASE_URL"):
            patch.delenv(name, raising=False)
        write_describer(folder / "more" / FACES)
        for name in gallery():
            materialized(name)
        yield folder / "home"


def with_a_damaged_one(listed: Path) -> Path:
    whole = (listed.parent / "clips/two.mp4").read_bytes()
    (listed.parent / "clips/cut.mp4").write_bytes(whole[: len(whole) // 2])
    listed.write_text(listed.read_text() + json.dumps({"videos": ["clips/cut.mp4"], "text": "cut"}) + "\n")
    return listed


def gallery() -> dict[str, GalleryRecipe]:
    """The assets of the demo, in which a model of emotions is named, and everyone may speak."""
    changed = demo_human.for_demo(find_gallery((ROOT / "recipes",))).recipes
    found = {name: recipe for name, recipe in changed.items() if recipe.asset.group == "humanvbench"}
    speaking = with_parameters(found["humanvbench_speakers"], {0: {"active_threshold": 0}})
    feeling = with_parameters(found["humanvbench"], {0: {"video_describe_model_path": FACES}})
    return {**found, "humanvbench_speakers": speaking, "humanvbench": feeling}


def materialized(name: str) -> None:
    Subset.of_asset(gallery()[name], Options(workers=1)).run()


@pytest.fixture
def annotated(home) -> list[dict]:
    return rows_of("humanvbench")


def rows_of(name: str) -> list[dict]:
    layout, manifest = finished_run(name)
    return [row for part in manifest.refined for row in pq.read_table(layout.refined / part.name).to_pylist()]


def test_people_are_found_counted_and_tracked_from_the_pixels(annotated):
    assert [row["text"] for row in annotated] == ["two", "silent"]
    two, silent = (row["__dj__meta__"] for row in annotated)
    assert (two["number_people_in_video"], silent["number_people_in_video"]) == ([2], [1])
    left, right = two["human_tracks"][0]
    assert left["fps"] == 25
    # the detector has steps of some pixels
    for track, figure in ((left, TWO[0]), (right, TWO[1])):
        for index in (0, 30):
            x1, y1, x2, y2 = track["faces"][index]
            assert abs((x1 + x2) / 2 - (figure.x + figure.speed * (track["start"] + index) / 25)) < 15
            px1, py1, px2, py2 = track["persons"][index]
            assert px1 <= x1 < x2 <= px2
            assert py1 <= y1 < y2 <= py2
    assert two["human_track_data_path"] == [[{"bbox_path": "human_tracks/0/0"}, {"bbox_path": "human_tracks/0/1"}]]


def test_damaged_clips_and_those_without_people_are_left_out_with_a_reason(home):
    layout, manifest = finished_run("humanvbench_clips")
    with open_database(layout.database, 1) as database:
        (cut,) = database.execute("SELECT id, error FROM quarantine").fetchall()
        dropped = database.execute("SELECT id, video_face_exist FROM dropped JOIN stats USING (id)").fetchall()
    assert cut[0] == "clips.jsonl:3"
    assert "clips/cut.mp4" in cut[1]
    assert dropped == [("clips.jsonl:2#1", [0])]
    assert (manifest.samples_in, manifest.samples_out) == (4, 2)


def test_sound_decides_tags_and_speakers(annotated):
    two, silent = (row["__dj__meta__"] for row in annotated)
    assert (two["video_audio_tags"], silent["video_audio_tags"]) == (["Speech"], ["EMPTY"])
    assert silent["active_speaker_flag"] == [[False]]
    assert two["active_speaker_flag"] == [[bool(seconds) for seconds in two["active_speaker_seconds"][0]]]
    assert len(two["active_speaker_flag"][0]) == 2


@pytest.mark.parametrize(("consistency", "flag"), [("on", False), ("off", True)])
def test_consistency_off_keeps_a_speaker_whose_look_contradicts_the_voice(monkeypatch, consistency, flag):
    operator = VideoActiveSpeakerDetectMapper(consistency=consistency)
    monkeypatch.setattr(VideoActiveSpeakerDetectMapper, "_scores", lambda *_: np.ones(20))
    boxes = [[0.0, 0.0, 9.0, 9.0]] * 20
    track = {"start": 0, "fps": 25.0, "faces": boxes, "persons": boxes, "interpolated": [False] * 20}
    meta = {
        "human_tracks": [[track]],
        "video_audio_tags": ["Speech"],
        "audio_speech_attribute": [{"Age": [40], "female": [0.1], "male": [0.9], "child": [0.0]}],
        "video_track_is_child": [[["Yes"]]],
    }
    rows = pa.RecordBatch.from_pylist([{"text": "", "fields": {"__dj__meta__": meta}}])
    flags, seconds = operator.extract(Batch(rows)).values()
    assert (flags.to_pylist(), seconds.to_pylist()) == ([[[flag]]], [[[[[0, 0.8]] if flag else []]]])


def test_the_report_shows_when_people_are_seen_and_how_many_clips_have_them(home):
    layout, manifest = finished_run("humanvbench")
    plan = plan_of_run(manifest)
    section = people_section(run_facts(layout.published, manifest, plan, layout)).body
    labels = re.findall(r'aria-label="([^"]*)"', section)
    run = PeopleOfRun(plan, layout, manifest)
    assert [clip.about.people for clip in run.examples(6)] == [2, 1]
    assert labels == [spoken(clip) for clip in run.examples(6)]
    assert labels[0].startswith("person 1 from 0.0 to 2.0 s")
    assert "sound: Speech; words: " in labels[0]
    assert len(re.findall(r'class="strip"', section)) == 2
    strip = run.frames(run.examples(1)[0], 4, 100)
    assert strip is not None
    assert strip.pixels.shape == (4, 56, 100, 3)
    balance = run.balance()
    assert (balance["people"], balance["sound"]) == ({"1": 1, "2": 1}, {"Speech": 1, "EMPTY": 1})
    assert balance["tasks of HumanVBench"]["Human Count"] == 2
    (first,) = run.examples(1)
    assert run.length(first) == 2
    picture = people_picture({first: run.length(first)}, balance)
    assert picture.count('class="rail"') == len(first.about.spans) == 2
    assert ">Clips by people<" in picture
    shown = people(SimpleNamespace(manifest=manifest), SimpleNamespace(plan=plan, layout=layout))
    assert shown["people"].value.startswith("![people in clips](data:image/svg+xml;base64,")
    layout, manifest = finished_run("humanvbench_clips")
    subset = SimpleNamespace(plan=plan_of_run(manifest), layout=layout)
    assert people(SimpleNamespace(manifest=manifest), subset) == {}


@pytest.mark.parametrize(("distance", "frames"), [(0.5, [24]), (0.9, [])])
def test_tracks_are_joined_if_a_named_model_finds_their_faces_alike(monkeypatch, distance, frames):
    compared = []

    class Encoder:
        def distance(self, first, second):
            compared.append((first, second))
            return distance

    module = video_human_tracks_extraction_mapper
    monkeypatch.setattr(module, "face_encoder", lambda _: Encoder())
    monkeypatch.setattr(module, "of_clip", lambda one, clip, feature: [feature.boxes[0]])
    monkeypatch.setattr(ModelStore, "find", lambda *_: SimpleNamespace(path=Path()))
    operator = VideoHumanTracksExtractionMapper(identity_model="a/encoder")
    assert operator.models() == ("a/encoder",)
    # in frame 12 the face moves so far that a second track begins; alone, both are too short
    boxes = [np.array([[left, 10.0, left + 20, 30.0]]) for left in [10.0] * 12 + [18.0] * 12]
    persons = [estimated(box, 200, 200) for box in boxes]
    tracks, count = people_of(boxes, persons, operator._distance(Batch(pa.RecordBatch.from_pylist([{"text": ""}])), 0))
    assert ([len(track) for track in tracks], count) == (frames, 1)
    assert compared[0] == ((11, 10.0, 10.0, 30.0, 30.0), (12, 18.0, 10.0, 38.0, 30.0))


def test_tracks_become_rows_of_clip_track_and_frame(annotated):
    table = rows((row["videos"], row["__dj__meta__"]["human_tracks"]) for row in annotated)
    frames = sum(
        len(track["faces"]) for row in annotated for clip in row["__dj__meta__"]["human_tracks"] for track in clip
    )
    assert table.num_rows == frames
    assert set(table["clip"].to_pylist()) == {"clips/two.mp4", "clips/silent.mp4"}


def test_weights_of_speakers_are_named_like_those_of_the_published_file(tmp_path):
    import torch

    write_speaker(tmp_path / "a/weights.model")
    names = torch.load(tmp_path / "a/weights.model", weights_only=True).keys()
    assert {"model.visualEncoder.block1.s_3.weight", "model.GRU.gru_forward.weight_ih_l0", "lossAV.FC.weight"} <= names
    assert len(names) == len(network().state_dict())


def test_the_gallery_recipes_have_all_stages_with_their_values():
    recipes = find_gallery((ROOT / "recipes",)).recipes
    chain = [recipe for recipe in recipes.values() if recipe.asset.group == "humanvbench"]
    # each but the first reads the one before; the last is the published one
    assert [source.subset for recipe in chain[1:] for source in recipe.source] == [
        one.asset.subset for one in chain[:-1]
    ]
    assert chain[-1].asset.subset == "humanvbench"
    process = [operator for recipe in chain for operator in recipe.process]
    given = {operator.name: operator.parameters() for operator in process}
    assert given["video_resolution_filter"]["min_width"] == 1280
    assert given["video_face_ratio_filter"]["threshold"] == 0.65
    assert given["video_motion_score_filter"]["min_score"] == 1.2
    assert len(given) == len(process) == 18
    # age, gender, emotion: no model is named
    assert not any(
        operator.models()
        for operator in process
        if operator.name.endswith(("_demographic_mapper", "_age_gender_mapper", "_emotion_mapper"))
    )
    assert json.dumps(given).count("race") == 0


def files(home: Path) -> dict[str, dict[str, bytes]]:
    """The Parquet files of every asset."""
    return {
        folder.name: {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}
        for folder in home.glob("humanvbench*")
    }


def calls(name: str) -> tuple[int, int]:
    """The calls of a run that were made, and those that were kept from earlier ones."""
    counts = finished_run(name)[1].calls.values()
    return sum(one.asked for one in counts), sum(one.kept for one in counts)


def test_a_new_version_of_a_model_measures_its_asset_again_and_no_other(home):
    before, published = files(home), rows_of("humanvbench")
    assert [calls(name) for name in ("humanvbench_looks", "humanvbench")] == [(2 * PEOPLE, 0), (PEOPLE, 0)]
    write_describer(home.parent / "more" / FACES)
    materialized("humanvbench")
    assert calls("humanvbench") == (PEOPLE, 0)
    after = files(home)
    assert [name for name in after if after[name] != before[name]] == ["humanvbench"]
    for old, new in zip(published, rows_of("humanvbench"), strict=True):
        first, second = (row["__dj__meta__"].pop("video_facetrack_attribute_emotion") for row in (old, new))
        assert first != second
        assert old == new


def test_what_stands_on_an_asset_asks_only_what_has_changed(home):
    before, published = files(home), rows_of("humanvbench")
    write_describer(home / "demo-human/models" / DESCRIBER)
    for name in ("humanvbench_events", "humanvbench"):
        materialized(name)
    # one description of each clip; the emotions were asked before
    assert [calls(name) for name in ("humanvbench_events", "humanvbench")] == [(2, 0), (0, PEOPLE)]
    after = files(home)
    assert {name for name in after if after[name] != before[name]} == {"humanvbench_events", "humanvbench"}
    for old, new in zip(published, rows_of("humanvbench"), strict=True):
        first, second = (row["__dj__meta__"].pop("video_description") for row in (old, new))
        assert first != second
        assert old == new


def test_a_published_row_is_explained_back_to_its_clip_and_models(home):
    layout, manifest = finished_run("humanvbench")
    way = earlier_samples(layout, manifest, (0, 0))
    chain = [one.manifest.name.removeprefix("humanvbench/humanvbench_") for one in way]
    assert chain == ["clips", "tracks", "looks", "sounds", "speakers", "events"]
    assert {one.sample for one in way} == {"clips.jsonl:0#1"}
    *_, last = annotators_of(manifest)
    assert last.endswith(f"; models {FACES}@{ModelStore().find(FACES).sha256[:12]}")
    asked = ["explain", "humanvbench", "--id", "clips.jsonl:0#1", "--from-source"]
    said = CliRunner().invoke(app, asked, env={"COLUMNS": "400"}).output
    assert "makes this sample from clips.jsonl:0" in said
    assert f"humanvbench_sounds  models: {TAGS}@" in said
    assert "writes __dj__meta__.number_people_in_video = [2]" in said
    assert said.count("user: Describe what happens in the video") == 1
    # without the models, it lacks their calls only
    without = CliRunner().invoke(app, asked, env={"COLUMNS": "400", "DJ_MODELS": str(home)}).output
    assert "user:" not in without
    assert without.count("writes __dj__meta__") == said.count("writes __dj__meta__")


def test_a_server_is_asked_about_frames_at_equal_distances(tmp_path, monkeypatch):
    canned = tmp_path / "canned.json"
    canned.write_text(json.dumps({"What happens?": " They meet. "}))
    monkeypatch.setenv("DJ_VLM", f"canned:{canned}")
    process = [{"video_clip_description_mapper": {"frame_num": 3, "query": "What happens?"}}]
    dj_assets.run_recipe({"process": process}, [write(tmp_path, CLIPS[1:2])], tmp_path / "out", workers=1)
    (row,) = pq.read_table(tmp_path / "out/refined").to_pylist()
    assert row["__dj__meta__"]["video_description"] == ["They meet."]
    ((_, call),) = Generations(str(tmp_path / "out/generations")).records()
    assert len(call["request"]["images"]) == 3
