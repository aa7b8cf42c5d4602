"""Questions that models make: calls and their keeping, votes, the blind test, and the way back from a published row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dj_assets.errors import TextModelError, UserError
from dj_assets.evaluation.humanvbench.asked_models import AskedModel
from dj_assets.evaluation.humanvbench.asking import Makers
from dj_assets.evaluation.humanvbench.blind import blind_tests
from dj_assets.evaluation.humanvbench.clip_frames import FramesOfRun
from dj_assets.evaluation.humanvbench.drafts import Draft, read_drafts
from dj_assets.evaluation.humanvbench.making import Drafted, Orders, drafted
from dj_assets.evaluation.humanvbench.origin import explained
from dj_assets.evaluation.humanvbench.publication import made_by_family, publish, read_provenance
from dj_assets.evaluation.humanvbench.questions import count_question
from dj_assets.evaluation.humanvbench.review import Decision, Review
from dj_assets.evaluation.humanvbench.selection import annotated_clips, tracks_of_clips
from dj_assets.explore.review.clips import SubsetClips
from dj_assets.media.marked_frames import MarkedFrames
from dj_assets.models.store import ModelStore
from dj_assets.operators.views.human_tracks import boxes_of
from dj_assets.stores.generations import Generations
from tests.evaluation.humanvbench.test_review import subset  # noqa: F401 - a fixture

TASKS = ("Human2Text", "Behavior_Causualty_Analysis")
SAID = {"one": "A red shirt", "two": "a red shirt.", "three": "a blue coat", "four": "green trousers", "five": "a hat"}
WRITTEN = 'Sure: {"question": "Why does she turn?", "answer": "A red shirt"}'


def canned(folder: Path, name: str, answer: str) -> str:
    """Return a model by its table of answers: the author's prompts have their own ones, any other has `answer`."""
    described = "A person in a red shirt turns."
    table = {"*": answer}
    if name == "author":
        prompts = json.loads((folder / "prompts.json").read_text())
        table = {"*": described} | dict.fromkeys(prompts, WRITTEN)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(table))
    return f"{name}=canned:{path}"


@pytest.fixture
def orders(tmp_path) -> Orders:
    places = ("on the left at second 1", "at second 0.8")
    prompts = [
        "A description of a video: A person in a red shirt turns.\n\nWrite one question about why the person "
        f"{place} does what is seen, which only somebody who saw the video can answer, and its answer in at most 12\n"
        'words. Do not give the answer away in the question. Reply with one JSON object {"question": "...", '
        '"answer": "..."}'
        for place in places
    ]
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    models = tuple(canned(tmp_path, name, answer) for name, answer in SAID.items())
    return Orders(
        models=models, author=canned(tmp_path, "author", ""), blind=canned(tmp_path, "blind", "A"), tasks=TASKS
    )


def made(run: Path, folder: Path, orders: Orders) -> Drafted:
    clips = SubsetClips(str(run))
    clips.close()
    return drafted(str(run), clips.refined, folder, orders)


def of_task(result: Drafted, task: str) -> list[Draft]:
    return [draft for draft in result.drafts if draft.question.task == task]


def test_models_see_frames_with_a_box_around_the_person(subset):  # noqa: F811
    clips = SubsetClips(str(subset))
    clips.close()
    (left, _), (right, fps) = tracks_of_clips(clips.refined)["in.jsonl:0", 1]
    assert fps == 25
    with FramesOfRun.of(str(subset)) as frames:
        plain = frames.frames("in.jsonl:0", 1, MarkedFrames())
        box = MarkedFrames(boxes=boxes_of(right, right.persons, range(len(right))))
        marked = frames.frames("in.jsonl:0", 1, box)
        with pytest.raises(UserError, match=r"has no fields of a sample other"):
            frames.frames("other", 1, MarkedFrames())
    assert plain.pixels.shape == (8, 120, 160, 3)
    changed = [bool(np.any(one != other)) for one, other in zip(plain.pixels, marked.pixels, strict=True)]
    # the person is seen from 0.8 to 1.8 seconds
    assert changed == [0.8 <= second < 1.8 for second in plain.seconds]
    number = changed.index(True)
    assert marked.pixels[number, 50, 70].tolist() == [255, 0, 0]


def test_models_make_questions_and_nothing_is_asked_twice(subset, tmp_path, orders):  # noqa: F811
    result = made(subset, tmp_path / "q", orders)
    (worn,) = of_task(result, "Human2Text")
    assert worn.question.text == "What does the person on the left at second 1 look like?"
    assert (worn.question.key, worn.question.votes, worn.agreed) == ("A red shirt", 2, ("one", "two"))
    assert worn.question.origins == {"a blue coat": ("three",), "green trousers": ("four",), "a hat": ("five",)}
    assert worn.making is not None
    assert (worn.making.track, worn.making.author) == (1, "author")
    written = of_task(result, "Behavior_Causualty_Analysis")
    assert [draft.question.text for draft in written] == ["Why does she turn?"] * 2
    # the author does not answer, so its own answer is a vote
    assert [draft.agreed for draft in written] == [("one", "two", "author")] * 2
    kept = dict(Generations(str(tmp_path / "q/generations")).records())
    assert kept.keys() >= {*worn.making.calls.values()}
    assert len(kept[worn.making.calls["three"]]["request"]["images"]) == 8
    again = made(subset, tmp_path / "q", orders)
    assert again.drafts == result.drafts == tuple(read_drafts(tmp_path / "q"))
    calls = [remark for remark in again.remarks if "kept before" in remark]
    assert len(calls) == 7
    assert all(": 0 calls" in remark for remark in calls)


def test_a_question_that_is_solved_without_the_video_is_left_out(subset, tmp_path, orders):  # noqa: F811
    folder = tmp_path / "q"
    # always the same letter solves nothing: the options are moved on
    assert not any(draft.is_solvable_blind for draft in made(subset, folder, orders).drafts)
    knows = canned(tmp_path, "knows", "A red shirt")
    result = made(subset, folder, Orders(**{**vars(orders), "blind": knows}))
    solved = {draft.question.task: draft.is_solvable_blind for draft in result.drafts}
    assert solved == {"Human_Count": False, "Human2Text": True, "Behavior_Causualty_Analysis": True}
    assert any("3 of 5 questions are solvable blind" in remark for remark in result.remarks)
    review = Review(folder, result.drafts)
    for draft in result.drafts:
        review.decide(Decision("", "ada", draft.question.identity, "accept"))
    clips = SubsetClips(str(subset))
    counts = publish(tmp_path / "out", review.reviewed(), clips.opened)
    clips.close()
    assert (counts["accepted"], counts["solvable blind"]) == (2, 3)
    assert (tmp_path / "out/Human2Text.jsonl").read_text() == ""


@pytest.mark.parametrize(("least", "solvable"), [(1, True), (2, False)])
def test_a_letter_is_right_once_in_as_many_attempts_as_options(tmp_path, least, solvable):
    question = count_question("q", "a.mp4", 2)
    model = AskedModel.of(canned(tmp_path, "letters", "C"))
    (test,) = blind_tests([question], model, Generations(str(tmp_path / "g")), ModelStore(), least=least)
    assert (test.right, test.tries, test.is_solvable) == (1, 4, solvable)


def test_a_published_row_leads_back_to_clip_track_models_and_votes(subset, tmp_path, orders):  # noqa: F811
    result = made(subset, tmp_path / "q", orders)
    (worn,) = of_task(result, "Human2Text")
    review = Review(tmp_path / "q", result.drafts)
    review.decide(Decision("", "ada", worn.question.identity, "accept", chosen="A red shirt"))
    clips = SubsetClips(str(subset))
    calls = Generations(str(tmp_path / "q/generations"), read_only=True)
    publish(tmp_path / "out", review.reviewed(), clips.opened, calls)
    clips.close()
    (content,) = read_provenance(tmp_path / "out")
    assert [made_by_family(tmp_path / "out", name) for name in ("org/Three-7B", "other")] == [1, 0]
    text = "\n".join(explained(content, annotated_clips(clips.refined)["in.jsonl:0", 1]))
    for part in (
        f"{worn.question.identity}: accepted",
        "A red shirt (right: 2 votes, one, two)",
        "a blue coat (from three)",
        f"clip: 1 of sample in.jsonl:0 in {subset}",
        "track 1: seen from 0.0 to 2.0 s, speaks, the question is about this person",
        "described by author: A person in a red shirt turns.",
        "five (family five, call ",
        "blind test: blind was right 1 of 4 times without the video",
        "ada: accept",
    ):
        assert part in text
    assert "the subset is not here any more" in "\n".join(explained(content))
    copied = {key for key, _ in Generations(str(tmp_path / "out/generations")).records()}
    assert copied == {*content["making"]["calls"].values(), *content["blind"]["calls"]}


def test_an_author_who_answers_is_named_once_and_votes_once(subset, tmp_path, orders):  # noqa: F811
    result = made(subset, tmp_path / "q", Orders(models=orders.models[:4], author="one", tasks=TASKS))
    assert result.drafts[0].making is None
    # the canned model writes no question, so that only the tasks with a fixed one are left; four answers give no
    # three wrong options
    assert {draft.question.task for draft in result.drafts} == {"Human_Count"}
    reasons = {remark.split(": ")[1] for remark in result.remarks if "not made" in remark}
    assert reasons == {
        "the author wrote no question in the form that was asked for",
        "the models do not agree, or gave too few different wrong answers",
    }
    calls = {remark.split(":")[0] for remark in result.remarks if "kept before" in remark}
    assert calls == {"one", "two", "three", "four"}


def test_wrong_orders_and_weak_votes_are_named(subset, tmp_path, orders):  # noqa: F811
    with pytest.raises(UserError, match="Human_Count: models are not asked for this task"):
        made(subset, tmp_path / "q", Orders(models=orders.models, tasks=("Human_Count",)))
    with pytest.raises(TextModelError, match="no language model is configured"):
        made(subset, tmp_path / "q", Orders(models=("one",)))
    same = [AskedModel("a/Qwen2-VL-7B"), AskedModel("a/Qwen2.5-VL-3B")]
    warnings = Makers(same[0], same, Generations(str(tmp_path / "g"))).warnings(AskedModel("qwen3"))
    assert [warning.split(":")[0] for warning in warnings] == [
        "all models that answer are of the family qwen",
        "the blind test asks a model of the family qwen, which also answers the questions",
    ]
