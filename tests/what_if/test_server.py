from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dj_assets
from dj_assets.errors import UserError
from dj_assets.recipe.load import load_recipe
from dj_assets.what_if.server import TuningServer
from dj_assets.what_if.session import Session
from tests.browser.chromium import opened_page


@pytest.fixture
def own(place, tmp_path) -> Path:
    folder = tmp_path / "own"
    shutil.copytree(place, folder)
    # paths of a run are absolute: it is run again where it lies now
    dj_assets.run_recipe(folder / "r.yaml", [folder / "a.jsonl"], folder / "out", workers=1, overwrite=True)
    return folder


@pytest.fixture
def server(own):
    with TuningServer(lambda: Session(load_recipe(own / "r.yaml"), own / "out", 1), 0) as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def request(server, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    connection.request(
        method, f"/{server.token}{path}", json.dumps(body), {"Host": f"127.0.0.1:{server.server_address[1]}"} | headers
    )
    answer = connection.getresponse()
    return answer.status, answer.read()


def ask(server, question: str, **asked: object) -> tuple[int, dict]:
    status, body = request(server, "POST", f"/ask/{question}", asked, **{"X-Dj-Assets": "test"})
    return status, json.loads(body)


def test_the_page_needs_nothing_from_elsewhere(server):
    status, page = request(server, "GET", "/")
    assert status == 200
    assert b"http://" not in page
    assert b"https://" not in page
    for name in ("sliders.js", "sliders.css"):
        assert request(server, "GET", f"/{name}")[0] == 200
    assert request(server, "GET", "/server.py")[0] == 404


def test_questions_are_answered_as_json(server):
    status, answer = ask(server, "filters", changes={"1": {"min_len": 300}})
    assert status == 200
    assert answer["steps"][0]["alone"] > ask(server, "filters")[1]["steps"][0]["alone"]
    assert ask(server, "filters", changes={"1": {"min_len": "many"}})[0] == 400
    assert ask(server, "passwords") == (400, {"error": "no such question: passwords"})


def test_other_sites_get_nothing(server):
    assert server.server_address[0] == "127.0.0.1"
    assert request(server, "GET", "/", Host="evil.example")[0] == 403
    assert request(server, "POST", "/ask/write", {"changes": {"1": {"min_len": 1}}})[0] == 403
    assert request(server, "POST", "/ask/about", {}, Host="evil.example", **{"X-Dj-Assets": "x"})[0] == 403
    evil = {"Origin": "http://evil.example", "X-Dj-Assets": "x"}
    assert request(server, "POST", "/ask/about", {}, **evil)[0] == 403
    assert request(server, "GET", "/../../etc/passwd")[0] == 404


def test_without_the_token_nobody_on_this_machine_gets_anything(server):
    host = f"127.0.0.1:{server.server_address[1]}"
    for path in ("/", "/x/", f"/{server.token[:-1]}/", f"/{server.token}"):
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status == 403


@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "GET /none HTTP/1.1",
        "POST /ask/about HTTP/1.1",
        "POST /ask/none HTTP/1.1",
        "GET /%2e%2e/x HTTP/1.1",
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "rebound.example"])
def test_every_answer_has_a_policy_and_lets_no_other_site_in(server, request_line, host):
    head = f"Host: {host}:{server.server_address[1]}\r\nOrigin: http://evil.example\r\nConnection: close"
    guard = "" if "none" in request_line else "\r\nX-Dj-Assets: x"
    answer = raw(server, f"{request_line}\r\n{head}{guard}\r\n\r\n")
    assert b"Content-Security-Policy: default-src 'none';" in answer
    assert b"Access-Control-Allow" not in answer
    if host == "rebound.example":
        assert answer.startswith(b"HTTP/1.1 403")


def test_a_question_in_advance_of_another_site_is_refused(server):
    host = f"Host: 127.0.0.1:{server.server_address[1]}\r\nOrigin: http://evil.example\r\nConnection: close"
    asked = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-dj-assets"
    answer = raw(server, f"OPTIONS /ask/write HTTP/1.1\r\n{host}\r\n{asked}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501")
    assert b"Access-Control-Allow" not in answer


def raw(server, text: str) -> bytes:
    """Send a request as it is, and return everything that the server answers before it closes the connection."""
    with socket.create_connection(server.server_address[:2], timeout=30) as connection:
        connection.sendall(text.encode())
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: -1", b"400"),
        ("Content-Length: many", b"400"),
        ("Content-Length: 99999999999999", b"413"),
        ("Transfer-Encoding: chunked", b"400"),
    ],
)
def test_a_request_of_a_strange_length_is_refused_at_once(server, head, status):
    host = f"Host: 127.0.0.1:{server.server_address[1]}"
    answer = raw(server, f"POST /{server.token}/ask/about HTTP/1.1\r\n{host}\r\nX-Dj-Assets: x\r\n{head}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_a_slow_request_loses_its_connection_and_others_are_answered(server, monkeypatch):
    monkeypatch.setattr(server.RequestHandlerClass, "timeout", 1)
    host = f"Host: 127.0.0.1:{server.server_address[1]}"
    slow = f"POST /{server.token}/ask/about HTTP/1.1\r\n{host}\r\nX-Dj-Assets: x\r\nContent-Length: 50\r\n\r\n{{"
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(raw, server, text) for text in (slow, "POST ", "") * 6]
        assert request(server, "GET", "/")[0] == 200
        assert {answer.result() for answer in waiting} == {b""}


@pytest.mark.parametrize("body", ["[" * 100_000, "[]", "7", '{"changes": []}', '{"changes": {"x": {}}}', "no JSON"])
def test_a_body_that_is_no_question_is_refused(server, body, capfd):
    host = f"Host: 127.0.0.1:{server.server_address[1]}"
    head = f"POST /{server.token}/ask/filters HTTP/1.1\r\n{host}\r\nX-Dj-Assets: x\r\nConnection: close\r\n"
    assert raw(server, f"{head}Content-Length: {len(body)}\r\n\r\n{body}").startswith(b"HTTP/1.1 400")
    assert "Traceback" not in capfd.readouterr().err


def test_writing_changes_the_file_and_nothing_else_in_it(server, own):
    before = (own / "r.yaml").read_text()
    assert ask(server, "write", changes={"1": {"min_len": 33}})[0] == 200
    assert (own / "r.yaml").read_text() == before.replace("min_len: 20", "min_len: 33")


def test_a_newer_run_is_told_and_shown_after_a_reload(server, own):
    about = ask(server, "about")[1]
    (own / "r.yaml").write_text((own / "r.yaml").read_text().replace("min_len: 20", "min_len: 40"))
    dj_assets.run_recipe(own / "r.yaml", [own / "a.jsonl"], own / "out", workers=1, overwrite=True)
    assert "reload the page" in ask(server, "filters")[1]["error"]
    assert request(server, "GET", "/")[0] == 200
    now = ask(server, "about")[1]
    assert now["run"] != about["run"]
    assert now["filters"][0]["bounds"][0]["value"] == 40


def test_a_taken_port_is_one_clear_line(server, own):
    with pytest.raises(UserError, match="choose another with --port"):
        TuningServer(lambda: Session(load_recipe(own / "r.yaml"), own / "out", 1), server.server_address[1])


@pytest.mark.browser
def test_a_slider_is_dragged_and_the_numbers_follow(server, own, tmp_path):
    from playwright.sync_api import expect

    with opened_page(height=1000, patience_s=30) as page:
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url)
        whole, slider = page.locator("#whole"), page.locator("#slider-1-min_len")
        expect(whole).to_contain_text("kept by the whole recipe: ")
        expect(slider).to_be_enabled()
        before = whole.inner_text()
        box = slider.bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.08 * box["width"], middle)
        page.mouse.down()
        for share in range(10, 45, 5):
            page.mouse.move(box["x"] + share / 100 * box["width"], middle)
        page.mouse.up()
        expect(page.locator("#alone")).to_contain_text("(−")
        expect(page.locator("#whole:not(.waiting)")).to_contain_text("(−")
        assert whole.inner_text() != before
        value = page.locator("#number-1-min_len").input_value()
        assert int(value) > 100
        expect(page.locator("#border .tag.gone")).to_have_count(3)
        expect(page.locator("#border .tag:not(.gone)").first).to_be_visible()
        page.get_by_text("Write into the recipe…").click()
        expect(page.locator("#lines .plus")).to_contain_text(f"min_len: {value}")
        page.locator("#yes").click()
        expect(page.locator("#about")).to_contain_text("written into")
    assert faults == []
    assert f"min_len: {value}" in (own / "r.yaml").read_text()
