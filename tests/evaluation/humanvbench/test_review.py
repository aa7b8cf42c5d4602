"""The review of questions: drafts, decisions, agreement, the published files, and the page in a real browser."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace

import pytest

import dj_assets
from dj_assets.errors import DamagedError, UserError
from dj_assets.evaluation.agreement import Agreement
from dj_assets.evaluation.humanvbench.blind import BlindTest
from dj_assets.evaluation.humanvbench.drafts import (
    Answered,
    Making,
    make_drafts,
    read_answers,
    read_drafts,
    write_drafts,
)
from dj_assets.evaluation.humanvbench.publication import publish
from dj_assets.evaluation.humanvbench.review import Decision, Review, balance
from dj_assets.evaluation.humanvbench.scoring import options_of, read_questions
from dj_assets.evaluation.humanvbench.selection import annotated_clips, candidates
from dj_assets.explore.review.clips import SubsetClips
from dj_assets.explore.review.server import ReviewServer
from tests.browser.chromium import keep_screenshot, opened_page
from tests.documents import write_jsonl
from tests.evaluation.humanvbench.test_questions import ANSWERS, sample, track
from tests.explore.test_server import NAMELESS, ask, request, served
from tests.hostile.pages import require_guarded, require_refused
from tests.media import made

ASKED = {"task": "Human2Text", "sample": "in.jsonl:0", "clip": 1, "question": "What is worn?", "answers": ANSWERS}


@pytest.fixture(scope="module")
def subset(tmp_path_factory):
    """A finished run over two clips, annotated as the subset of HumanVBench is."""
    folder = tmp_path_factory.mktemp("people")
    rows = [sample("two", [track(50), track(25, 20)], 2, [True, False]), sample("one", [track(40)], 1, [True])]
    for row in rows:
        made.clip(folder / row["videos"][0], 50, width=160, height=120, fps=25)
    records = [{"text": "<__dj__video>", **{k: v for k, v in row.items() if k != "__dj_id__"}} for row in rows]
    source = write_jsonl(folder / "in.jsonl", records)
    dj_assets.run_recipe({"process": [{"text_length_filter": {"min_len": 0}}]}, [source], folder / "out", workers=1)
    return folder / "out"


@pytest.fixture
def folder(subset, tmp_path):
    """A folder with three drafts: two counts of people, and a question that models answered."""
    clips = SubsetClips(str(subset))
    asked = read_answers(write_jsonl(tmp_path / "answers.jsonl", [ASKED, {**ASKED, "question": "?", "answers": {}}]))
    drafts, without = make_drafts(str(subset), candidates(clips.refined), asked)
    clips.close()
    assert sum(without.values()) == 1
    # the last question as if models had made it
    making = Making("the author", "A red shirt is worn.", track=2, person="the person on the right at second 1.3")
    drafts[2] = replace(drafts[2], making=making, blind=BlindTest("f", 1, 4, 3))
    write_drafts(tmp_path / "questions", drafts)
    return tmp_path / "questions"


def decided(review: Review, number: int, decision: str, reviewer: str = "ada", **more: object) -> None:
    name = list(review.drafts)[number]
    review.decide(Decision("", reviewer, name, decision, **more))


def states(review: Review) -> list[str]:
    return [one.state for one in review.reviewed()]


def test_drafts_are_the_same_in_every_run_and_name_their_clips(folder, subset):
    drafts = read_drafts(folder)
    assert [(draft.question.task, draft.sample, draft.question.key) for draft in drafts] == [
        ("Human_Count", "in.jsonl:0", "2"),
        ("Human_Count", "in.jsonl:1", "1"),
        ("Human2Text", "in.jsonl:0", "A red shirt"),
    ]
    assert len({draft.question.video for draft in drafts}) == 2
    assert drafts[2].answers == ANSWERS
    clips = SubsetClips(str(subset))
    again, _ = make_drafts(str(subset), candidates(clips.refined))
    known = annotated_clips(clips.refined)
    clips.close()
    assert [draft.question.identity for draft in again] == [draft.question.identity for draft in drafts[:2]]
    assert known["in.jsonl:0", 1].spans == ((0.0, 2.0), (0.8, 1.8))
    assert known["in.jsonl:0", 1].speaks == (True, False)


@pytest.mark.parametrize("line", ["[]", "{", '{"task": "Human2Text"}', json.dumps({**ASKED, "answers": ["a"]})])
def test_a_wrong_line_of_answers_is_named(line, tmp_path):
    (tmp_path / "answers.jsonl").write_text(json.dumps(ASKED) + "\n" + line + "\n")
    with pytest.raises(UserError, match=r"answers.jsonl, line 2: an object with task, sample"):
        read_answers(tmp_path / "answers.jsonl")


def test_an_answer_about_a_clip_that_does_not_suit_is_refused(subset):
    clips = SubsetClips(str(subset))
    found = candidates(clips.refined)
    clips.close()
    with pytest.raises(UserError, match=r"in\.jsonl:1, clip 1: does not suit the task Human2Text"):
        make_drafts("out", found, [replace(Answered(**ASKED), sample="in.jsonl:1")])


def test_decisions_are_appended_and_the_newest_counts(folder):
    review = Review(folder, read_drafts(folder))
    assert states(review) == ["open"] * 3
    decided(review, 0, "reject")
    decided(review, 0, "accept", chosen="2")
    decided(review, 1, "reject")
    decided(review, 1, "accept", "bob")
    new = {"text": "What does she wear?", "key": "a red shirt", "distractors": ("blue", "green", "nothing")}
    decided(review, 2, "rewrite", **new)
    assert states(review) == ["accepted", "disputed", "accepted"]
    last = review.reviewed()[2]
    assert (last.question.text, last.question.key) == ("What does she wear?", "a red shirt")
    assert last.question.origins["blue"] == ("reviewer: ada",)
    # another process reads the same
    assert states(Review(folder, read_drafts(folder))) == states(review)
    assert len((folder / "decisions.jsonl").read_text().splitlines()) == 5
    decided(review, 2, "accept", "bob")
    assert states(review)[2] == "disputed"
    (agreement,) = review.agreements()
    assert (agreement.reviewers, agreement.number, agreement.share) == (("ada", "bob"), 2, 0.5)
    assert sum(sum(counts.values()) for counts in balance(one.question for one in review.reviewed()).values()) == 3


def test_decisions_of_many_threads_are_all_kept(folder):
    review = Review(folder, read_drafts(folder))
    threads = [
        threading.Thread(target=decided, args=(review, number % 3, "accept", f"reviewer {number}"))
        for number in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    assert {line["reviewer"] for line in lines} == {f"reviewer {number}" for number in range(24)}


def test_incomplete_decisions_are_refused(folder):
    review = Review(folder, read_drafts(folder))
    for more, problem in (
        ({"decision": "perhaps"}, "no such decision: perhaps"),
        ({"decision": "accept", "reviewer": " "}, "needs the name of the reviewer"),
        ({"decision": "rewrite"}, "needs a text"),
        ({"decision": "rewrite", "text": "?", "key": "a", "distractors": ("A.", "b", "c")}, "4 different options"),
    ):
        with pytest.raises(UserError, match=problem):
            decided(review, 0, **{"reviewer": "ada", **more})
    assert not (folder / "decisions.jsonl").exists()
    (folder / "decisions.jsonl").write_text("{}\n")
    with pytest.raises(DamagedError, match=r"decisions.jsonl, line 1: is no decision"):
        Review(folder, read_drafts(folder))


def test_kappa_is_that_of_the_definition():
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    assert Agreement.of(pairs).kappa == pytest.approx(0.4)
    assert Agreement.of(pairs[:20]).kappa is None
    assert Agreement().kappa is None


def test_accepted_questions_are_published_with_clips_and_provenance(folder, subset, tmp_path):
    review = Review(folder, read_drafts(folder))
    decided(review, 0, "accept")
    decided(review, 1, "reject")
    clips = SubsetClips(str(subset))
    counts = publish(tmp_path / "out", review.reviewed(), clips.opened)
    clips.close()
    assert counts == Counter(accepted=1, rejected=1, disputed=0, open=1)
    ((task, questions),) = [(task, own) for task, own in read_questions(tmp_path / "out").items() if own]
    assert task == "Human_Count"
    (line,) = (tmp_path / "out/Human_Count.jsonl").read_text().splitlines()
    published = json.loads(line)
    assert options_of(published["choices"])[published["Answer"]] == "2"
    assert len(questions) == 1
    copied = tmp_path / "out/videos" / published["Video"]
    assert filecmp.cmp(copied, subset.parent / "two.mp4", shallow=False)
    (origin,) = map(json.loads, (tmp_path / "out/provenance.jsonl").read_text().splitlines())
    assert (origin["sample"], origin["clip"], origin["decisions"][0]["reviewer"]) == ("in.jsonl:0", 1, "ada")


def test_the_commands_go_from_a_subset_to_published_files(subset, tmp_path):
    def cli(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "dj_assets.cli", "questions", *map(str, arguments)]
        environment = os.environ | {"COLUMNS": "200"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)

    drafted = cli("draft", subset, tmp_path / "questions")
    assert (drafted.returncode, "2 questions" in drafted.stdout) == (0, True), drafted.stderr
    decided(Review(tmp_path / "questions", read_drafts(tmp_path / "questions")), 0, "accept")
    done = cli("publish", tmp_path / "questions", tmp_path / "out")
    assert "2 questions = 1 open + 1 accepted + 0 rejected + 0 disputed" in done.stdout
    shown = cli("explain", tmp_path / "out")
    assert "0.8 to 1.8 s\n  people: 2; sound: Speech; words: hello" in shown.stdout
    absent = cli("publish", tmp_path / "nothing", tmp_path / "out")
    assert (absent.returncode, "drafts.jsonl: no such file" in absent.stderr) == (2, True)


@pytest.fixture
def server(folder):
    yield from served(ReviewServer(0, folder, "ada"))


def test_the_server_gives_clips_of_questions_only(server):
    name = next(iter(server.review.drafts))
    status, content, headers = request(server, "GET", f"/clip?question={name}")
    assert (status, headers["Content-Type"], content[4:8]) == (200, "video/mp4", b"ftyp")
    for path in ("/clip?question=other", "/server.py", "/../clip", "/review.py"):
        assert request(server, "GET", path)[0] == 404, path
    assert ask(server, "/ask/passwords") == (400, {"error": "no such question: passwords"})
    assert ask(server, "/ask/decide", question="other", decision="accept")[0] == 400


def test_every_address_is_guarded_and_junk_refused(server, capfd):
    name = next(iter(server.review.drafts))
    decision = {"question": name, "decision": "reject", "chosen": "", "text": "x", "key": "y", "distractors": ["z"]}
    asked = {"/ask/about": {}, "/ask/question": {"question": name}, "/ask/decide": decision}
    require_guarded(server, asked, ["/", "/review.js", "/dom.js", f"/clip?question={name}"])
    assert require_refused(server, asked, ["/JUNK", "/clip?question=JUNK"], capfd.readouterr) > 15


@pytest.mark.browser
def test_questions_are_reviewed_by_keys_in_a_browser(server, folder):
    from playwright.sync_api import expect

    with opened_page(height=1000, patience_s=30) as page:
        page.goto(server.url)
        expect(page.locator("#text")).to_have_text("How many people can be seen in the video at least?")
        expect(page.locator("#options .right")).to_have_count(0)
        expect(page.locator("#clip")).to_have_js_property("videoWidth", 160)
        page.keyboard.press("1")
        expect(page.locator("#options .right")).to_contain_text("2")
        tracks = "Tracks: person 1 from 0.0 to 2.0 s, speaks; person 2 from 0.8 to 1.8 s"
        expect(page.locator("#ribbon svg")).to_have_attribute("aria-label", tracks)
        assert not NAMELESS.findall(page.locator("body").aria_snapshot())
        keep_screenshot(page, "review")
        page.keyboard.press("a")
        expect(page.locator("#about")).to_contain_text("question 2 of 3, 1 decided")
        page.keyboard.press("r")
        expect(page.locator("#text")).to_have_text("What is worn?")
        expect(page.locator("#made")).to_have_text("")
        page.keyboard.press("3")
        expect(page.locator("#options .right")).to_contain_text("✓ right: 2 votes, a, b")
        expect(page.locator("#options")).to_contain_text("from c")
        expect(page.locator("#made")).to_have_text(
            "the author described the person on the right at second 1.3: A red shirt is worn."
        )
        expect(page.locator("#blind")).to_have_text("Without the video, f was right 1 of 4 times.")
        expect(page.locator("#ribbon rect.asked")).to_have_count(1)
        keep_screenshot(page, "review-votes")
        # the place is kept
        page.reload()
        expect(page.locator("#text")).to_have_text("What is worn?")
        page.keyboard.press("e")
        page.locator("[name=text]").fill("<b>What</b> do they wear?")
        page.locator("[name=wrong-0]").fill("a green coat")
        page.keyboard.press("Enter")
        expect(page.locator("#task")).to_contain_text("you rewrote it")
        expect(page.locator("#text")).to_have_text("<b>What</b> do they wear?")
        expect(page.locator("#states")).to_contain_text("accepted")
        page.keyboard.press("1")
        for width, scheme in ((1500, "dark"), (420, "light")):
            page.set_viewport_size({"width": width, "height": 1000})
            page.emulate_media(color_scheme=scheme)
            keep_screenshot(page, f"review-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    review = Review(folder, read_drafts(folder))
    assert states(review) == ["accepted", "rejected", "accepted"]
    assert review.reviewed()[2].question.text == "<b>What</b> do they wear?"
