from __future__ import annotations

import threading

import pytest

from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset import Options, Subset
from dj_assets.what_if.all_subsets import GalleryServer
from tests.documents import documents, write_jsonl
from tests.what_if.test_server import request

RECIPE = """
asset: {subset: NAME, group: mine, source: {path: "data.jsonl"}}
process: [{text_length_filter: {min_len: 20}}]
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    for name, value in (("DJ_PROJECT", tmp_path), ("DJ_HOME", tmp_path / "home"), ("DJ_RECIPES", "")):
        monkeypatch.setenv(name, str(value))
    (tmp_path / "recipes/mine").mkdir(parents=True)
    for name in ("letters", "notes"):
        (tmp_path / f"recipes/mine/{name}.yaml").write_text(RECIPE.replace("NAME", name))
    write_jsonl(tmp_path / "data.jsonl", documents(200))
    subset = Subset.of_asset(find_gallery().recipes["notes"], Options(workers=1))
    for step in (subset.measure, subset.deduplicate, subset.refine):
        step()
    with GalleryServer(0) as started:
        serving = threading.Thread(target=started.serve_forever)
        serving.start()
        yield started
        started.shutdown()
        serving.join()


def ask(server, path: str) -> tuple[int, bytes]:
    return request(server, "POST", path, {}, **{"X-Dj-Assets": "test"})


def test_every_subset_with_a_finished_run_has_its_page(server):
    status, contents = request(server, "GET", "/")
    assert status == 200
    assert b'<a href="notes/">notes</a>' in contents
    assert b"letters/" not in contents
    assert b'id="filters"' in request(server, "GET", "/notes/")[1]
    status, about = ask(server, "/notes/ask/about")
    assert (status, b'"samples_in": 200' in about) == (200, True)


def test_what_has_no_run_or_is_no_subset_says_so(server):
    status, told = request(server, "GET", "/letters/")
    assert status == 404
    assert b"holds no finished run" in told
    for path in ("/nothing/", "/notes", "/notes/more", "/../notes/"):
        assert request(server, "GET", path)[0] == 404, path
    assert ask(server, "/nothing/ask/about")[0] == 404
    assert ask(server, "/letters/ask/about")[0] == 400
    assert request(server, "GET", "/", Host="evil.example")[0] == 403
