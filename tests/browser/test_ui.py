"""The UI as a person meets it: one click refines a subset, and the page says what came out."""

from __future__ import annotations

import re

import pytest

from tests.browser.chromium import keep_screenshot, opened_page
from tests.browser.server import make_project, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    with running(folder) as started:
        yield started


@pytest.fixture(scope="module")
def page():
    with opened_page() as opened:
        yield opened


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

    row = page.locator("tr").filter(has=page.get_by_text("distributions", exact=True)).last
    row.get_by_text("[Show Markdown]").click()
    picture = page.locator("[role=dialog] img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 900
    keep_screenshot(page, "distributions")


def test_the_checks_are_there_and_say_what_they_found(page, server, clicked):
    from playwright.sync_api import expect

    assert clicked == "SUCCESS"
    page.goto(f"{server.url}/assets/redpajama/c4?view=checks", wait_until="domcontentloaded")
    for check in ("conservation", "quarantine", "every_operator_works"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ samples in, \d+ kept \+ \d+ dropped \+ 2 quarantined"))).to_be_visible()
    keep_screenshot(page, "checks")


def test_the_page_of_sliders_is_one_click_away(page, server, clicked):
    from playwright.sync_api import expect

    page.goto(f"{server.url}/assets/redpajama/c4?view=overview", wait_until="domcontentloaded")
    link = page.locator("a[href^='http://127.0.0.1'][href$='/c4/sliders/']").first
    expect(link).to_be_visible()
    page.goto(link.get_attribute("href"))
    expect(page.locator("#whole")).to_contain_text(re.compile(r"kept by the whole recipe: \d"))
    keep_screenshot(page, "what-if")


def test_the_lineage_names_every_stage(page, server):
    from playwright.sync_api import expect

    page.goto(f"{server.url}/assets/redpajama/c4?view=lineage&lineageScope=upstream&lineageDepth=3")
    for stage in ("c4_source", "c4_stats", "c4_duplicates"):
        expect(page.get_by_text(stage, exact=True).first).to_be_visible()
    keep_screenshot(page, "lineage")


def test_contact_sheets_show_what_operators_over_images_dropped(page, server):
    from playwright.sync_api import expect

    server.materialize("llava", "llava_pretrain")
    assert server.finished_run() == "SUCCESS"
    page.goto(f"{server.url}/assets/llava/llava_pretrain?view=overview", wait_until="domcontentloaded")
    row = page.locator("tr").filter(has=page.get_by_text("contact_sheets", exact=True)).last
    row.get_by_text("[Show Markdown]").click()
    sheet = page.locator("[role=dialog] img[src^='data:image/jpeg']").first
    expect(sheet).to_be_visible()
    assert sheet.evaluate("image => image.naturalWidth") > 400
    expect(page.locator("[role=dialog]").get_by_text("image_text_matching_filter.jpg")).to_be_visible()
    keep_screenshot(page, "contact-sheets")
