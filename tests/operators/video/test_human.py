"""Annotations of the people in drawn clips, by the process that decodes and by tiny models through the real loaders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.analysis.people import PeopleOfRun
from dj_assets.assets.pictures import people
from dj_assets.models.human.light_asd import network
from dj_assets.models.human.people import people_of
from dj_assets.models.human.person_boxes import estimated
from dj_assets.models.human.tiny_checkpoints import SPEAKER, TAGS, write_speaker, write_tags
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.video import video_clip_description_mapper, video_human_tracks_extraction_mapper
from dj_assets.operators.video.video_active_speaker_detect_mapper import VideoActiveSpeakerDetectMapper
from dj_assets.operators.video.video_human_tracks_extraction_mapper import VideoHumanTracksExtractionMapper
from dj_assets.operators.views.human_tracks import rows
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from dj_assets.samples.people import Figure, PeopleClip, write
from dj_assets.subset.finished import finished_run, plan_of_run
from dj_assets.views.page.people import spoken
from dj_assets.views.people_picture import people_picture

TWO = (Figure(150, speed=20, speaks=(0.1, 1.4)), Figure(470, speed=-20, skin=(180, 140, 110)))
CLIPS = (
    PeopleClip("two", "two", TWO, seconds=1.5),
    PeopleClip("silent", "silent", TWO[:1], seconds=1.5, sounds=False),
    PeopleClip("nobody", "nobody", (), seconds=1.0),
)
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
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("human")
    models = folder / "models"
    write_tags(models / TAGS)
    write_speaker(models / SPEAKER)
    process = [
        {"video_face_ratio_filter": {"threshold": 0.65, "detect_interval": 4}},
        "video_human_tracks_extraction_mapper",
        "video_tagging_from_audio_mapper",
        {"video_active_speaker_detect_mapper": {"active_threshold": 0}},
    ]
    dj_assets.run_recipe({"process": process}, [write(folder, CLIPS)], folder / "out", workers=1, models=models)
    return folder / "out"


@pytest.fixture(scope="module")
def annotated(out) -> list[dict]:
    files = sorted((out / "refined").glob("*"))
    return [row for path in files for row in pq.read_table(path).to_pylist()]


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


def test_sound_decides_tags_and_speakers(annotated):
    two, silent = (row["__dj__meta__"] for row in annotated)
    assert (two["video_audio_tags"], silent["video_audio_tags"]) == (["Speech"], ["EMPTY"])
    assert silent["active_speaker_flag"] == [[False]]
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
    (found,) = operator.extract(Batch(rows)).values()
    assert found.to_pylist() == [[[flag]]]


def test_the_report_shows_when_people_are_seen_and_how_many_clips_have_them(out):
    page = (out / "report.html").read_text()
    section = page[page.index('<section id="people">') :].split("</section>")[0]
    labels = re.findall(r'aria-label="([^"]*)"', section)
    layout, manifest = finished_run(str(out))
    plan = plan_of_run(manifest)
    run = PeopleOfRun(plan, layout, manifest)
    assert [clip.about.people for clip in run.examples(6)] == [2, 1]
    assert labels == [spoken(clip) for clip in run.examples(6)]
    assert labels[0].startswith("person 1 from 0.0 to 1.5 s")
    assert labels[0].endswith("sound: Speech; words: none")
    assert len(re.findall(r'class="strip"', section)) == 2
    strip = run.frames(run.examples(1)[0], 4, 100)
    assert strip is not None
    assert strip.pixels.shape == (4, 56, 100, 3)
    balance = run.balance()
    assert (balance["people"], balance["sound"]) == ({"1": 1, "2": 1}, {"Speech": 1, "EMPTY": 1})
    assert balance["tasks of HumanVBench"]["Human Count"] == 2
    (first,) = run.examples(1)
    assert run.length(first) == 38 / 25
    picture = people_picture({first: run.length(first)}, balance)
    assert picture.count('class="rail"') == len(first.about.spans) == 2
    assert ">Clips by people<" in picture
    shown = people(SimpleNamespace(manifest=manifest), SimpleNamespace(plan=plan, layout=layout))
    assert shown["people"].value.startswith("![people in clips](data:image/svg+xml;base64,")
    assert (
        people(
            SimpleNamespace(manifest=manifest),
            SimpleNamespace(plan=make_plan(load_recipe({"process": ["fix_unicode_mapper"]})), layout=layout),
        )
        == {}
    )


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


def test_the_gallery_recipe_has_all_stages_with_their_values():
    from dj_assets.recipe.gallery import known_recipe

    recipe = known_recipe("humanvbench")
    given = {operator.name: operator.parameters() for operator in recipe.process}
    assert given["video_resolution_filter"]["min_width"] == 1280
    assert given["video_face_ratio_filter"]["threshold"] == 0.65
    assert given["video_motion_score_filter"]["min_score"] == 1.2
    assert len(given) == len(recipe.process) == 18
    # age, gender, emotion: no model is named
    assert not any(
        operator.models()
        for operator in recipe.process
        if operator.name.endswith(("_demographic_mapper", "_age_gender_mapper", "_emotion_mapper"))
    )
    assert json.dumps(given).count("race") == 0


def test_a_clip_is_described_by_frames_at_equal_distances(tmp_path, monkeypatch):
    class Describer:
        def describe(self, frames, query):
            return f"{len(frames)} frames; {query}"

    monkeypatch.setattr(video_clip_description_mapper, "frames_describer", lambda _: Describer())
    (tmp_path / "models/DAMO-NLP-SG/VideoLLaMA3-7B").mkdir(parents=True)
    process = [{"video_clip_description_mapper": {"frame_num": 3, "query": "What happens?"}}]
    source = write(tmp_path, CLIPS[1:2])
    dj_assets.run_recipe({"process": process}, [source], tmp_path / "out", workers=1, models=tmp_path / "models")
    (row,) = pq.read_table(tmp_path / "out/refined").to_pylist()
    assert row["__dj__meta__"]["video_description"] == ["3 frames; What happens?"]
