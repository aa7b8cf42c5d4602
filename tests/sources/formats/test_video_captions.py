from __future__ import annotations

import csv
import json

import pytest

from dj_assets.recipe.model import Source
from dj_assets.subset.entries import source_files
from tests.sources.reading import read, together


def parsed(folder, name, content, origins=False):
    (folder / name).write_text(content)
    (file,) = source_files([Source(paths=(name,), format="video_captions")], folder, folder)
    return together(read(file))


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def listed(found):
    videos = [json.loads(record)["videos"] for record in found.rows["fields"].to_pylist()]
    return list(zip(found.rows["text"].to_pylist(), videos, strict=True))


def text(caption):
    return f"<__dj__video> {caption} <|__dj__eoc|>"


def test_internvid_names_its_clips_by_video_and_times(tmp_path):
    record = {"YoutubeID": "yt", "Start_timestamp": "00:00:01.000", "End_timestamp": "00:00:03.500", "Caption": "A dog"}
    found = parsed(tmp_path, "internvid.jsonl", lines({**record, "UMT_Score": 0.4}))
    assert listed(found) == [(text("A dog"), ["yt_00:00:01.000_00:00:03.500.mp4"])]
    assert json.loads(found.rows["fields"][0].as_py())["UMT_Score"] == 0.4


def test_a_row_of_panda_is_as_many_samples_as_the_video_has_clips(tmp_path):
    with (tmp_path / "panda.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["videoID", "url", "timestamp", "caption", "matching_score"])
        times = "[['0:00:01.0', '0:00:02.0'], ['0:00:05.0', '0:00:09.0']]"
        rows.writerow(["v1", "https://a.example/1", times, "['A cat, \"Tom\".', 'It sleeps.']", "[0.5, 0.4]"])
        rows.writerow(["v2", "https://a.example/2", "[['0:00:01.0', '0:00:02.0']]", "['One', 'Two']", "[0.5]"])
    found = parsed(tmp_path, "panda.csv", (tmp_path / "panda.csv").read_text())
    assert listed(found) == [(text('A cat, "Tom".'), ["v1_0.mp4"]), (text("It sleeps."), ["v1_1.mp4"])]
    assert found.rows["row"].to_pylist() == [0, 1]
    first = json.loads(found.rows["fields"][0].as_py())
    assert (first["matching_score"], first["timestamp"]) == (0.5, ["0:00:01.0", "0:00:02.0"])
    (reject,) = found.rejects
    assert "differ in length" in reject.error
    assert reject.row == 2


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"caption": "['A cat's tail.', 'It sleeps.']"}, "caption"),
        ({"caption": "['A cat', 'It sl"}, "caption"),
        ({"caption": "A cat"}, "caption"),
        ({"timestamp": "[['0:00:01.0', '0:00"}, "timestamp"),
        ({"matching_score": "[0.5, nan]"}, "matching_score"),
    ],
)
def test_a_row_of_panda_whose_list_cannot_be_read_is_quarantined(tmp_path, change, key):
    row = {"videoID": "v1", "timestamp": "[[1, 2], [3, 4]]", "caption": "['A', 'B']", "matching_score": "[0.5, 0.4]"}
    found = parsed(tmp_path, "panda.jsonl", lines({**row, **change}, row))
    assert [video for _, (video,) in listed(found)] == ["v1_0.mp4", "v1_1.mp4"]
    (reject,) = found.rejects
    assert f"'{key}' is no list that can be read" in reject.error
    assert not reject.dropped


def test_every_video_of_msr_vtt_gets_its_first_sentence(tmp_path):
    sentences = [{"video_id": f"video{n % 2}", "sen_id": n, "caption": f"sentence {n}"} for n in range(4)]
    videos = [{"video_id": f"video{n}", "category": n} for n in range(3)]
    found = parsed(tmp_path, "msr_vtt.json", json.dumps({"info": {}, "videos": videos, "sentences": sentences}))
    assert listed(found) == [(text("sentence 0"), ["video0.mp4"]), (text("sentence 1"), ["video1.mp4"])]
    (reject,) = found.rejects
    assert reject.dropped, "video2 has no sentence"


def test_a_field_that_names_the_file_comes_first(tmp_path):
    pexels = {"title": "Waves", "video": "clips/waves.mp4", "content_loc": "https://a.example/waves.mp4"}
    assert listed(parsed(tmp_path, "pexels.jsonl", lines(pexels))) == [(text("Waves"), ["clips/waves.mp4"])]


def test_samples_are_taken_as_they_are(tmp_path):
    sample = {"text": text("A dog"), "videos": ["a.mp4", "b.mp4"]}
    assert listed(parsed(tmp_path, "pool.jsonl", lines(sample))) == [(text("A dog"), ["a.mp4", "b.mp4"])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"caption": 7, "video": "a.mp4"}', "'caption' is no string"),
        ('{"caption": "A dog"}', "no field tells which file"),
        ('{"caption": "A d', "broken JSON"),
    ],
)
def test_what_is_no_clip_is_refused_alone(tmp_path, line, message):
    good = {"caption": "A dog", "video": "dog.mp4"}
    found = parsed(tmp_path, "some.jsonl", f"{line}\n{lines(good)}")
    assert listed(found) == [(text("A dog"), ["dog.mp4"])]
    (reject,) = found.rejects
    assert message in reject.error
    assert (reject.row, reject.dropped) == (0, False)


def test_a_broken_row_of_a_table_is_refused_alone(tmp_path):
    found = parsed(tmp_path, "some.csv", "caption,video\nA dog,dog.mp4\nA cat\nA fox,fox.mp4\n")
    assert [videos for _, videos in listed(found)] == [["dog.mp4"], ["fox.mp4"]]
    (reject,) = found.rejects
    assert "1 cells instead of 2" in reject.error
