"""The people in the clips of a sample: what the server answers, and what a browser shows."""

from __future__ import annotations

import pytest

import dj_assets
from dj_assets.analysis.people import PeopleOfRun
from dj_assets.evaluation.humanvbench.selection import clips_of_sample
from dj_assets.explore.opened_run import OpenedRun
from dj_assets.explore.server import ExploreServer
from dj_assets.subset.finished import finished_run
from dj_assets.views.page.people import shown_clip
from tests.browser.chromium import keep_screenshot, opened_page
from tests.documents import write_jsonl
from tests.evaluation.humanvbench.test_questions import sample, track
from tests.explore.test_server import served
from tests.media import made

# Two people of whom one speaks, words with markup, a clip that does not exist, and a sample that is dropped.
ROWS = [
    sample("two", [track(50), track(25, 20)], 2, [True, False]),
    sample("gone", [track(40)], 1, [True]),
    sample("dropped", [], 0, [], "EMPTY"),
]
HOSTILE = "<b onclick=x>hello</b> \u202e"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    for row in ROWS:
        if row["__dj_id__"] != "gone":
            made.clip(folder / row["videos"][0], 50, width=160, height=120, fps=25)
    records = [{"text": row["__dj_id__"], **{k: v for k, v in row.items() if k != "__dj_id__"}} for row in ROWS]
    records[0]["__dj__meta__"]["speech_ASR"][0]["asr"] = HOSTILE
    for record, seconds in zip(records, ([[[0.2, 0.8], [1.0, 1.5]], []], [[]], []), strict=True):
        record["__dj__meta__"]["active_speaker_seconds"] = [seconds]
    source = write_jsonl(folder / "in.jsonl", records)
    dj_assets.run_recipe(
        {"process": [{"text_length_filter": {"min_len": 1, "max_len": 4}}]}, [source], folder / "out", workers=1
    )
    return folder / "out"


def test_a_sample_has_the_sheets_of_the_report(out):
    layout, manifest = finished_run(str(out))
    opened = OpenedRun("out", layout, manifest)
    run = PeopleOfRun(opened.plan, layout, manifest)
    # the same as by SQL over the refined files
    assert [clips_of_sample(row["__dj__meta__"]) for row in ROWS[:2]] == [[clip.about] for clip in run.clips]
    answers = [opened.answer("people", {"position": at})["sheets"] for at in range(3)]
    assert [opened.sample({"position": at})["people"] for at in range(3)] == [1, 1, 1]
    assert [answer[1] for answer in answers[:2]] == [shown_clip(run, clip) for clip in run.clips]
    assert "person 1 from 0.0 to 2.0 s, speaks from 0.2 to 0.8 s and from 1.0 to 1.5 s; person 2" in answers[0][1]
    assert "<b onclick" not in answers[0][1]
    assert "The clip cannot be opened." in answers[1][1]
    assert "0 people at least, 0 tracked" in answers[2][1]
    opened.close()


@pytest.mark.browser
def test_a_browser_shows_frames_and_ribbons(out):
    from playwright.sync_api import expect

    problems: list[str] = []
    for server in served(ExploreServer(0, folder=str(out))):
        with opened_page() as page:
            page.on("pageerror", lambda problem: problems.append(str(problem)))
            page.goto(f"{server.url}out/")
            page.locator(".sample-row").filter(has_text="in.jsonl:0").first.click()
            ribbons = page.locator("#people .ribbons")
            expect(ribbons).to_have_count(1)
            expect(ribbons).to_contain_text("<b onclick=x>hello</b>")
            expect(ribbons.locator("i")).to_have_count(4)
            strip = page.locator("#people .strip")
            strip.evaluate("image => image.decode()")
            for scheme, width in (("light", 1280), ("dark", 420)):
                page.set_viewport_size({"width": width, "height": 1100})
                page.emulate_media(color_scheme=scheme)
                require_places(ribbons)
                assert page.locator("#sample").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
                strip.scroll_into_view_if_needed()
                keep_screenshot(page, f"explore-people-{scheme}")
    assert problems == []


def require_places(ribbons) -> None:
    """Check where bars are, in shares of a clip of two seconds: of two people, the first one speaks twice."""
    rail = ribbons.locator("> div").first.bounding_box()
    boxes = [bar.bounding_box() for bar in ribbons.locator("i").all()]
    shares = [((box["x"] - rail["x"]) / rail["width"], box["width"] / rail["width"]) for box in boxes]
    expected = [(0, 1), (0.1, 0.3), (0.5, 0.25), (0.4, 0.5)]
    assert shares == [(pytest.approx(start, abs=0.01), pytest.approx(wide, abs=0.01)) for start, wide in expected]
