"""Questions of HumanVBench: selection, vote, distractors, positions, published files, scores."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dj_assets.errors import UserError
from dj_assets.evaluation.humanvbench.questions import (
    count_question,
    distinct,
    longest_keys,
    says_nothing,
    vote,
    voted_question,
    write_benchmark,
)
from dj_assets.evaluation.humanvbench.scoring import letter_of, options_of, read_questions, read_replies, records, score
from dj_assets.evaluation.humanvbench.selection import annotated_clips, candidates
from dj_assets.evaluation.humanvbench.tasks import GROUPS, TASKS

ANSWERS = {"a": "A red shirt", "b": "a red shirt.", "c": "a blue coat", "d": "nothing at all", "e": "green trousers"}


def track(frames: int, start: int = 0) -> dict:
    left = 20.0 + 60 * (start > 0)
    boxes = {
        "faces": [[left, 20.0, left + 20, 40.0]] * frames,
        "persons": [[left - 10, 10.0, left + 30, 100.0]] * frames,
    }
    return {"start": start, "fps": 25.0, **boxes, "interpolated": [False] * frames}


def sample(name: str, tracks: list[dict], people: int, active: list[bool], tag: str = "Speech") -> dict:
    meta = {
        "human_tracks": [tracks],
        "number_people_in_video": [people],
        "video_audio_tags": [tag],
        "active_speaker_flag": [active],
        "video_facetrack_attribute_emotion": [["" for _ in tracks]],
        "video_description": ["Someone walks."],
        "speech_ASR": [{"language": "en", "asr": "hello" if tag == "Speech" else "EMPTY"}],
    }
    return {"__dj_id__": name, "videos": [f"{name}.mp4"], "__dj__meta__": meta}


def test_clips_suit_tasks_by_their_annotations(tmp_path):
    rows = [
        sample("two", [track(120), track(60, 20)], 2, [True, False]),
        sample("one", [track(30)], 1, [True]),
        sample("mute", [track(120), track(120)], 3, [False, False], "EMPTY"),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = candidates([tmp_path / "a.parquet"]).to_pylist()
    by_task = {task.name: [row["sample"] for row in found if row["task"] == task.name] for task in TASKS}
    assert by_task["Human_Count"] == ["mute", "one", "two"]
    assert by_task["Active_Speaker_Detection"] == by_task["Audio_Visual_Speaker_Matching"] == ["two"]
    assert by_task["Audio_Visual_Alignment_Detection"] == ["one"]
    assert by_task["Text2Human"] == ["mute", "two"]
    assert by_task["Appearance_Time_Detection"] == ["two"]
    assert by_task["Behavior_Temporal_Analysis"] == ["mute", "two"]
    assert by_task["Speech_Content_Matching"] == ["one", "two"]
    assert annotated_clips([tmp_path / "a.parquet"])["mute", 1].words == ""
    # emotions are off
    assert by_task["Emotion_Recognition"] == []


def test_a_recipe_without_some_annotations_suits_the_tasks_that_need_none_of_them(tmp_path):
    row = sample("two", [track(120), track(60, 20)], 2, [True, False])
    for name in ("video_description", "speech_ASR", "active_speaker_flag"):
        del row["__dj__meta__"][name]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    found = candidates([tmp_path / "a.parquet"]).column("task").to_pylist()
    assert found == ["Text2Human", "Human2Text", "Human_Count", "Appearance_Time_Detection"]
    del row["__dj__meta__"]["human_tracks"]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: lacks an annotation"):
        candidates([tmp_path / "a.parquet"])


def test_there_are_sixteen_tasks_in_four_groups():
    assert len(TASKS) == 16
    assert Counter(task.group for task in TASKS) == dict.fromkeys(GROUPS, 4)


def test_the_key_is_voted_and_wrong_answers_of_other_models_are_distractors():
    question = voted_question("q1", "Human2Text", "a.mp4", "What is worn?", ANSWERS)
    assert question is not None
    assert (question.key, question.votes) == ("A red shirt", 2)
    assert question.origins == {"a blue coat": ("c",), "nothing at all": ("d",), "green trousers": ("e",)}
    assert question.options[ord(question.answer) - ord("A")] == question.key


@pytest.mark.parametrize("answers", [{"a": "x", "b": "y"}, {"a": "x", "b": "x", "c": "y", "d": "y"}, {"a": "x"}, {}])
def test_without_agreement_there_is_no_key(answers):
    assert vote(answers) is None
    assert voted_question("q", "Human2Text", "a.mp4", "?", answers) is None


def test_near_synonyms_are_no_distractors():
    assert distinct("a red shirt", ["red shirt", "a RED shirt", "a blue coat", "blue coat"], 0.8) == ["a blue coat"]


def test_positions_of_the_key_are_balanced_and_repeatable():
    questions = [count_question(f"q{number}", "a.mp4", 1 + number % 5) for number in range(800)]
    counts = Counter(question.answer for question in questions)
    assert sorted(counts) == ["A", "B", "C", "D"]
    assert all(150 < count < 250 for count in counts.values())
    assert [q.answer for q in questions[:9]] == [
        count_question(q.identity, "a.mp4", int(q.key)).answer for q in questions[:9]
    ]


def test_answers_that_say_nothing_are_neither_key_nor_distractor():
    refusals = {"f": "I cannot tell.", "g": "None of these.", "h": "I cannot tell", "i": "i cannot tell"}
    assert all(map(says_nothing, refusals.values()))
    question = voted_question("q1", "Human2Text", "a.mp4", "What is worn?", ANSWERS | refusals)
    assert question is not None
    assert (question.key, question.votes) == ("A red shirt", 2)
    assert "None of these." not in question.options


def test_keys_that_are_the_longest_option_are_counted():
    questions = [
        voted_question("q", "Human2Text", "a.mp4", "?", {"a": key, "b": key, "c": "one", "d": "two", "e": "red"})
        for key in ("a very long answer", "no", "also a long answer")
    ]
    assert longest_keys([question for question in questions if question]) == (2, 0.75)


OPTIONS = {"A": "Happy", "B": "A man in a long black coat walks", "C": "1-3", "D": "none"}


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("The best option is: (C). A is wrong.", "C"),
        ("Based on the video, the correct answer is B", "B"),
        ("Someone: a man in a long black coat walk there", "B"),
        ("Happy people", "A"),
        ("from 1,3 on", "C"),
        ("Unhappy? D", "D"),
        ("Based on this, D.", "D"),
        ("B.", "B"),
        ("no idea", None),
    ],
)
def test_replies_are_read_by_phrase_content_and_letter(reply, letter):
    assert letter_of(reply, OPTIONS) == letter


def test_published_files_are_written_read_and_scored(tmp_path):
    questions = [count_question("c1", "a.mp4", 2), count_question("c2", "b.mp4", 1)]
    voted = voted_question("v1", "Human2Text", "a.mp4", "What is worn?", ANSWERS)
    assert voted is not None
    counts = write_benchmark(tmp_path, [*questions, voted])
    assert sum(counts.values()) == 3
    assert len(list(tmp_path.glob("*.jsonl"))) == 16
    first = json.loads((tmp_path / "Human_Count.jsonl").read_text().splitlines()[0])
    assert list(first) == ["Question_id", "Video", "Question", "choices", "Answer"]
    assert options_of(first["choices"])[first["Answer"]] == "2"
    right = {q.identity: q.answer for q in [*questions, voted]}
    wrong = {**right, "c1": "no idea"}
    scores = score(read_questions(tmp_path), [right, right, right, right, wrong])
    assert scores.tasks == {"Human_Count": pytest.approx(90), "Human2Text": pytest.approx(100)}
    assert scores.groups == {"Person Recognition": pytest.approx(95)}
    assert scores.random["Human_Count"] == 25
    written = records(scores, "humanvbench", "mine")
    assert [(record.metric, record.value) for record in written][-1] == ("Person Recognition", 95)


def test_files_that_are_no_questions_or_replies_are_one_line(tmp_path):
    with pytest.raises(UserError, match="no file of a task"):
        read_questions(tmp_path)
    (tmp_path / "Human_Count.jsonl").write_text('{"Question_id": 1}\n')
    with pytest.raises(UserError, match=r"Human_Count\.jsonl:1: is no question"):
        read_questions(tmp_path)
    (tmp_path / "replies.json").write_text("{}")
    with pytest.raises(UserError, match="no list of runs"):
        read_replies(tmp_path / "replies.json")
