from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.explore.server import ExploreServer
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset
from tests.browser.chromium import keep_screenshot, opened_page
from tests.documents import documents, write_jsonl
from tests.hostile.pages import require_guarded, require_refused

GALLERY_RECIPE = """
asset:
  subset: NAME
  group: mine
  source: {path: "data.jsonl"}
  reference: {rows_in: 1000, rows_out: 500, published_retention: 0.5}
process: [{text_length_filter: {min_len: 20}}]
"""

CONTROL = "button|checkbox|combobox|grid|group|img|link|region|search(?:box)?|slider|spinbutton|tab|tabpanel|textbox"
# A line of the tree as YAML; the group of a summary has its text as content.
NAMELESS = re.compile(rf"^\s*- '?(?:{CONTROL})(?: \[\w+\])*(?::$|$)", re.MULTILINE)


def request(server, method: str, path: str, body: object = None, **headers: str):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    connection.request(method, f"/{server.token}{path}", json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def ask(server, path: str, **body: object):
    status, content, _ = request(server, "POST", path, body, **{"X-Dj-Assets": "test"})
    return status, json.loads(content)


def served(server: ExploreServer):
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def server(made):
    yield from served(ExploreServer(0, folder=str(made / "out")))
    (made / "out/labels.jsonl").unlink(missing_ok=True)


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    for name, value in (("DJ_PROJECT", tmp_path), ("DJ_HOME", tmp_path / "home"), ("DJ_RECIPES", "")):
        monkeypatch.setenv(name, str(value))
    (tmp_path / "recipes/mine").mkdir(parents=True)
    for name in ("letters", "notes"):
        (tmp_path / f"recipes/mine/{name}.yaml").write_text(GALLERY_RECIPE.replace("NAME", name))
    write_jsonl(tmp_path / "data.jsonl", documents(200))
    subset = Subset.of_asset(find_gallery().recipes["notes"], Options(workers=1))
    for step in (subset.measure, subset.deduplicate, subset.refine):
        step()
    yield from served(ExploreServer(0))


def test_the_start_page_has_a_card_for_every_subset(gallery):
    status, page, _ = request(gallery, "GET", "/")
    assert status == 200
    assert b'<a href="notes/">notes</a>' in page
    assert b"published: 50.00 %" in page
    assert b"up to date" in page
    assert b"not run yet" in page
    assert b"letters/" not in page
    assert b'id="scroller"' in request(gallery, "GET", "/notes/")[1]
    assert b'id="filters"' in request(gallery, "GET", "/notes/sliders/")[1]
    assert ask(gallery, "/notes/ask/about")[1]["samples"] == 200
    assert ask(gallery, "/notes/sliders/ask/about")[1]["samples_in"] == 200


def test_what_has_no_run_or_is_no_subset_says_so(gallery):
    status, said, _ = request(gallery, "GET", "/letters/")
    assert (status, b"was not run yet" in said) == (404, True)
    for path in ("/nothing/", "/notes", "/notes/more", "/../notes/", "/notes/../../etc/passwd", "/notes/server.py"):
        assert request(gallery, "GET", path)[0] == 404, path
    assert ask(gallery, "/nothing/ask/about")[0] == 400
    assert ask(gallery, "/notes/more/ask/about")[0] == 404
    assert ask(gallery, "/notes/ask/passwords") == (400, {"error": "no such question: passwords"})
    assert request(gallery, "GET", "/", Host="evil.example")[0] == 403


def test_one_page_has_all_subsets_with_their_published_figures(gallery, tmp_path):
    done = CliRunner().invoke(app, ["report", "--all"])
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "home/gallery.html"))
    page = (tmp_path / "home/gallery.html").read_text()
    assert "1 of 2 subsets have a finished run." in page
    assert "50.00 %" in page
    assert "points" in page


def test_the_command_serves_an_output_folder_until_it_is_stopped(made):
    command = [sys.executable, "-m", "dj_assets.cli", "explore", str(made / "out"), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"^Explore: (http://127.0.0.1:\d+/[\w-]{32}/out/)  \(Ctrl-C", line)
        assert address, line
        with urllib.request.urlopen(address[1], timeout=30) as page:
            assert b'id="scroller"' in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_pages_and_scripts_load_nothing_from_elsewhere(server):
    for name in ("", "explore.js", "charts.js", "sample.js", "labels.js", "dom.js", "explore.css", "style.css"):
        status, content, headers = request(server, "GET", f"/out/{name}")
        assert status == 200
        assert b"https://" not in content
        assert b"http://" not in content.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"innerHTML" not in content
        assert "script-src 'self';" in headers["Content-Security-Policy"]


QUERY = {
    "kinds": ["kept"],
    "operators": ["text_length_filter"],
    "reasons": ["x"],
    "files": [0],
    "ranges": {"text_len": [1, 100]},
    "names": {"field:lang": ["en"]},
    "text": "story",
    "labels": ["good"],
    "run": "previous",
    "change": "lost",
    "moved": {"1": {"min_len": 30}},
    "sort": "text_len",
    "seed": 1,
}
MOVED = {"changes": {"1": {"min_len": 30}}}
QUESTIONS = {
    "about": {},
    "recipe": {},
    "page": {"query": QUERY, "size": 50, "start": 0},
    "texts": {"positions": [0, 1]},
    "search": {"query": {"text": "a"}},
    "progress": {"query": {}},
    "cancel": {"query": {"text": "a"}},
    "histogram": {"query": {}, "statistic": "text_len", "run": "previous"},
    "scatter": {"query": {}, "x": "text_len", "y": "alnum_ratio"},
    "groups": {"query": {}, "by": "outcome", "statistic": "text_len"},
    "cross": {"query": {}, "rows": "source file", "columns": "outcome"},
    "sample": {"position": 3},
    "trace": {"position": 3},
    "moved": MOVED,
    "preview": MOVED,
    "label": {"position": 3, "label": "good"},
    "scores": {},
}
SLIDERS = {"about": {}, "filters": MOVED, "whole": MOVED, "preview": MOVED, "axis": {"statistic": "text_len"}}
ASKED = {f"/out/ask/{name}": asked for name, asked in QUESTIONS.items()} | {
    f"/out/sliders/ask/{name}": asked for name, asked in SLIDERS.items()
}


def test_every_address_is_guarded(server):
    files = ["/", "/out/", "/out/explore.js", "/out/style.css", "/out/labels.jsonl", "/out/sliders/"]
    require_guarded(server, ASKED, files)


def test_junk_is_refused_in_one_line(server, capfd):
    media = [f"/out/media?position={at}&kind={kind}&number={n}" for at, kind, n in ("J00", "0J0", "00J")]
    paths = [path.replace("J", "JUNK") for path in (*media, "/J", "/out/J", "/out/heat?position=J", "/out/sliders/J")]
    assert require_refused(server, ASKED, paths, capfd.readouterr) > 100


def test_only_listed_media_within_their_root_are_sent(tmp_path):
    pytest.importorskip("PIL")
    from PIL import Image

    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "photos/a.png")
    (tmp_path / "photos/note.jpg").write_text("<script>alert(1)</script>")
    (tmp_path / "secret.png").write_bytes((tmp_path / "photos/a.png").read_bytes())
    listed = ["a.png", "note.jpg", "../secret.png", str(tmp_path / "secret.png"), "https://evil.example/x.png"]
    source = write_jsonl(tmp_path / "photos/a.jsonl", [{"text": "A text of some length.", "images": listed}])
    recipe = {"process": [{"text_length_filter": {"min_len": 1}}]}
    dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1)
    for server in served(ExploreServer(0, folder=str(tmp_path / "out"))):
        media = [f"/out/media?position=0&kind=images&number={number}" for number in range(6)]
        status, content, headers = request(server, "GET", media[0])
        assert (status, headers["Content-Type"]) == (200, "image/png")
        assert content == (tmp_path / "photos/a.png").read_bytes()
        status, part, headers = request(server, "GET", media[0], Range="bytes=2-5")
        assert (status, part, headers["Content-Range"]) == (206, content[2:6], f"bytes 2-5/{len(content)}")
        for path in (
            *media[1:],
            "/out/media?position=0&kind=files&number=0",
            "/out/media?position=9&kind=images&number=0",
        ):
            status, said, _ = request(server, "GET", path)
            assert (status, b"alert" in said or b"PNG" in said) == (404, False), path


@pytest.mark.browser
def test_the_lost_samples_are_a_minute_away_by_keyboard_alone(server, made):
    from playwright.sync_api import expect

    with opened_page(height=900, patience_s=30) as page:
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(f"{server.url}out/")
        expect(page.locator("#count")).to_contain_text("302 of 302 samples")
        page.locator("#tab-samples").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        number = page.get_by_label("text_length_filter min_len")
        number.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("300")
        lost = page.get_by_role("button", name="lost samples")
        expect(lost).to_be_enabled()
        lost.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#chips")).to_contain_text("lost by moved thresholds")
        expect(page.locator(".sample-row .kind").first).to_have_text("kept")
        assert "moved" in page.url
        # the same address shows the same samples
        count = page.locator("#count").inner_text()
        page.reload()
        expect(page.locator("#count")).to_have_text(count)

        page.goto(f"{server.url}out/")
        expect(page.locator("#count")).to_contain_text("302 of 302 samples")
        expect(page.locator(".sample-row .excerpt").nth(7)).not_to_have_text("…")
        page.locator("#scroller").focus()
        for _ in range(7):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#sample-title")).to_have_text("<b>seven</b>")
        expect(page.locator("#sample .text").first).to_contain_text("<img src=x onerror=alert(1)> </script>")
        expect(page.locator("#sample .step").first).to_contain_text("whitespace_normalization_mapper")
        page.keyboard.press("b")
        expect(page.locator("#sample-label")).to_have_text("label: bad")
        page.keyboard.press("j")
        expect(page.locator("#sample-title")).to_have_text("a.jsonl:8")
        expect(page.locator("#sample del").first).to_be_visible()
        keep_screenshot(page, "explore-sample")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("sentence again\n")
        expect(page.locator("#found")).to_contain_text("1 found")
        page.locator("#tab-charts").click()
        expect(page.locator("canvas")).to_be_visible()
        assert page.title() == "Explore: r"
    assert faults == []
    assert '"label": "bad"' in (made / "out/labels.jsonl").read_text()


@pytest.mark.browser
def test_the_lost_samples_are_under_a_minute_away_from_the_start_page(gallery):
    from playwright.sync_api import expect

    with opened_page(height=900, patience_s=55) as page:
        started = time.perf_counter()
        page.goto(gallery.url)
        page.get_by_role("link", name="notes", exact=True).click()
        page.get_by_role("tab", name="Thresholds").click()
        page.get_by_role("spinbutton", name="text_length_filter min_len").fill("220")
        page.get_by_role("button", name="Show the 10 lost samples").click()
        expect(page.locator("#count")).to_contain_text("10 of 200 samples, 100.0 % kept")
        expect(page.locator(".sample-row")).to_have_count(10)
        expect(page.locator(".sample-row .excerpt").first).not_to_have_text("…")
        assert time.perf_counter() - started < 60


@pytest.mark.browser
def test_a_view_that_is_chosen_while_the_run_opens_is_shown(server):
    from playwright.sync_api import expect

    with opened_page(height=900, patience_s=30) as page:
        held = []
        page.route("**/ask/about", lambda route: held.append(route))  # noqa: PLW0108 - a built-in method has no signature
        page.goto(f"{server.url}out/")
        page.get_by_role("tab", name="Thresholds").click()
        expect(page.get_by_role("tab", name="Thresholds")).to_have_attribute("aria-selected", "true")
        page.wait_for_timeout(100)
        held[0].continue_()
        expect(page.get_by_role("spinbutton", name="text_length_filter min_len")).to_be_visible()


def nameless(page, part: str = "body") -> list[str]:
    tree = page.locator(part).aria_snapshot()
    return [found.strip() for found in NAMELESS.findall(tree)]


@pytest.mark.browser
def test_every_control_of_all_pages_has_a_name(server):
    from playwright.sync_api import expect

    with opened_page(height=900, patience_s=30) as page:
        page.goto(server.url)
        assert page.get_by_role("link", name="out").count() == 1
        assert nameless(page) == []
        page.goto(f"{server.url}out/sliders/")
        expect(page.get_by_role("slider", name="text_length_filter min_len")).to_be_visible()
        assert nameless(page) == []

        page.goto(f"{server.url}out/")
        page.locator("summary", has_text="text_len").click()
        distribution = "Distribution of text_len; kept samples below, others above; from "
        expect(page.get_by_role("img", name=distribution)).to_have_accessible_name(re.compile(", threshold 20$"))
        least = page.get_by_role("spinbutton", name="least text_len")
        least.fill("100")
        least.press("Enter")
        expect(page.get_by_role("status").filter(has_text="of 302 samples")).not_to_contain_text("302 of 302")
        expect(page.get_by_role("status").filter(has_text="1 filter in use")).to_be_visible()
        assert nameless(page) == []
        page.locator(".sample-row").first.click()
        expect(page.get_by_role("img", name="text_len of this sample")).to_have_accessible_name(
            re.compile("threshold 20, this sample [0-9]+$")
        )
        assert nameless(page, "#sample") == []
        page.keyboard.press("Escape")

        page.get_by_role("tab", name="Charts").click()
        runs = page.get_by_role("group", name="Two runs")
        runs.get_by_role("combobox", name="Statistic").select_option("alnum_ratio")
        expect(runs.get_by_role("img", name="Kept samples by alnum_ratio: now as area")).to_be_visible()
        expect(page.get_by_role("img", name="Density of")).to_be_visible()
        assert nameless(page) == []
        runs.scroll_into_view_if_needed()
        keep_screenshot(page, "explore-two-runs")
        page.get_by_role("tab", name="Thresholds").click()
        bound = page.get_by_role("spinbutton", name="text_length_filter min_len")
        bound.fill("300")
        expect(page.get_by_role("status").filter(has_text="lost samples")).to_be_visible()
        picture = page.locator("#thresholds").get_by_role("img", name="Distribution of text_len").first
        expect(picture).to_have_accessible_name(re.compile(", threshold 20, moved threshold 300$"))
        assert nameless(page) == []
        page.get_by_role("tab", name="Labels").click()
        expect(page.get_by_role("link", name="Export as JSON lines")).to_be_visible()
        assert nameless(page) == []


def test_an_edited_recipe_is_opened_again(gallery, tmp_path):
    """Also after its thresholds were judged, as they are in the background of every page."""
    bound = ask(gallery, "/notes/ask/recipe")[1]["bounds"][0]
    assert bound["value"] == 20
    assert ask(gallery, "/notes/ask/moved", changes={})[0] == 200
    file = tmp_path / "recipes/mine/notes.yaml"
    file.write_text(file.read_text().replace("min_len: 20", "min_len: 25"))
    bound = ask(gallery, "/notes/ask/recipe")[1]["bounds"][0]
    assert bound["value"] == 25
