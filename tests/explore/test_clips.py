"""Clips of samples play in a real browser: those of the source, and those that operators made."""

from __future__ import annotations

import pytest

import dj_assets
from dj_assets.explore.server import ExploreServer
from tests.browser.chromium import keep_screenshot, opened_page
from tests.documents import write_jsonl
from tests.explore.test_server import served

pytestmark = pytest.mark.browser
CUT = {"split_duration": 1, "min_last_split_duration": 0.3, "keep_original_sample": False}
# Play for a moment, then go to a time near the end.
PLAY = """async (clip, end) => {
    clip.muted = true;
    await clip.play();
    await new Promise(done => { clip.ontimeupdate = () => clip.currentTime > 0 && done(); });
    clip.pause();
    const played = clip.currentTime, sought = new Promise(done => { clip.onseeked = done; });
    clip.currentTime = end;
    await sought;
    return {played, at: clip.currentTime, ready: clip.readyState, width: clip.videoWidth, seconds: clip.duration};
}"""


def test_clips_of_the_source_and_made_clips_play_and_can_be_sought(tmp_path):
    from playwright.sync_api import expect

    from tests.media import made

    # its index is at its end, and it is too large for a browser to read as a whole before it plays
    made.clip(tmp_path / "in/walk.mp4", 60, width=480, height=320, fps=20)
    source = write_jsonl(tmp_path / "in/a.jsonl", [{"text": "<__dj__video> a walk", "videos": ["walk.mp4"]}])
    recipe = {"process": [{"video_split_by_duration_mapper": CUT}, {"words_num_filter": {"min_num": 1}}]}
    dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1)
    answers: list[tuple[int, str]] = []
    for server in served(ExploreServer(0, folder=str(tmp_path / "out"))):
        with opened_page(height=900, patience_s=30) as page:
            page.on("response", lambda answer: answers.append((answer.status, answer.url)))
            page.goto(f"{server.url}out/")
            expect(page.locator("#count")).to_contain_text("2 of 2 samples")
            for row, seconds in enumerate(([3], [1, 1, 1])):
                page.locator(".sample-row").nth(row).click()
                clips = page.locator("#sample video")
                expect(clips).to_have_count(len(seconds))
                for number, length in enumerate(seconds):
                    seen = clips.nth(number).evaluate(PLAY, length - 0.2)
                    assert seen["played"] > 0
                    assert seen["at"] == pytest.approx(length - 0.2)
                    assert seen["ready"] >= 2
                    assert (seen["width"], seen["seconds"]) == (480, pytest.approx(length, abs=0.06))
                keep_screenshot(page, f"explore-clips-{row}")
                page.keyboard.press("Escape")
    statuses = {status for status, url in answers if "/media?" in url}
    assert statuses == {206}
