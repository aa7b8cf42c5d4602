"""The UI as a person meets it: one click refines a subset, and the page says what came out."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.browser.server import make_project, running
from tests.paths import ROOT

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SCREENSHOTS = ROOT / "screenshots"

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    with running(folder) as started:
        yield started


@pytest.fixture(scope="module")
def page():
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI has chromium, but /usr/bin/chromium is absent")
        pytest.skip("needs chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # the machine may be busy with other tests
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1500, "height": 1100})
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


@pytest.fixture(scope="module")
def clicked(page, server):
    """Click on Materialize, once for all tests of this module; return how the run ended."""
    from playwright.sync_api import expect

    page.goto(f"{server.url}/assets/redpajama/c4?view=overview", wait_until="domcontentloaded")
    button = page.locator("button").filter(has_text=re.compile(r"^Materialize")).first
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text(re.compile("Launched run"))).to_be_visible()
    assert page.get_by_text("Are you sure").count() == 0
    return server.finished_run()


def test_one_click_refines_a_subset_and_shows_what_came_out(page, server, clicked):
    from playwright.sync_api import expect

    assert clicked == "SUCCESS"
    statuses = server.stale_statuses()
    stages = ("c4_source", "c4_stats", "c4_duplicates", "c4")
    assert {statuses[f"redpajama/{stage}"] for stage in stages} == {"FRESH"}
    assert statuses["redpajama/arxiv"] == "MISSING"

    page.reload(wait_until="domcontentloaded")
    for key in ("retention", "reference_retention", "samples_in", "kept/alphanumeric", "models"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible()
    expect(page.get_by_text("demo and tests only").first).to_be_visible()
    funnel = page.locator("table").filter(has=page.get_by_text("document_simhash", exact=True)).last
    expect(funnel).to_be_visible()
    thumbnail = page.locator("img[src^='data:image/png']").first
    assert thumbnail.evaluate("image => image.naturalWidth") == 300

    page.get_by_text("[Show Markdown]").first.click()
    picture = page.locator("[role=dialog] img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 900
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "distributions.png")


def test_the_checks_are_there_and_say_what_they_found(page, server, clicked):
    from playwright.sync_api import expect

    assert clicked == "SUCCESS"
    page.goto(f"{server.url}/assets/redpajama/c4?view=checks", wait_until="domcontentloaded")
    for check in ("conservation", "quarantine", "every_operator_works"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ samples in, \d+ kept \+ \d+ dropped \+ 2 quarantined"))).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "checks.png")


def test_the_lineage_names_every_stage(page, server):
    from playwright.sync_api import expect

    page.goto(f"{server.url}/assets/redpajama/c4?view=lineage&lineageScope=upstream&lineageDepth=3")
    for stage in ("c4_source", "c4_stats", "c4_duplicates"):
        expect(page.get_by_text(stage, exact=True).first).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "lineage.png")
