"""A real browser for the tests of pages: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SCREENSHOTS = ROOT / "screenshots"


@contextmanager
def opened_page(height: int = 1100, patience_s: float = 60) -> Iterator[Page]:
    """Open a page that waits patiently: the machine may be busy with other tests. Skip where there is no Chromium."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI has chromium, but /usr/bin/chromium is absent")
        pytest.skip("needs chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * patience_s)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": height})
        page.set_default_timeout(1000 * patience_s)
        yield page
        browser.close()


def keep_screenshot(page: Page, name: str) -> None:
    """Keep what the page looks like now, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
