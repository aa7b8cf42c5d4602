"""Calls over HTTP: what is repeated, what fails one call, what ends the run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dj_assets.errors import TextModelError
from dj_assets.models.text import http_server
from dj_assets.models.text.ask import answers, text_model
from dj_assets.models.text.chat import CallError, ChatRequest
from dj_assets.models.text.http_server import HttpModel
from tests.models.chat_server import ChatServer, chat_server

HELLO = ChatRequest("a-model", (("user", "hello, score 3"),))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr(http_server, "_FIRST_PAUSE_S", 0.01)
    with chat_server() as server:
        yield server


def first(fault, times: int = 1):
    """Fail the first calls."""
    left = [times]

    def failing(handler, prompt) -> bool:
        left[0] -= 1
        if left[0] < 0:
            return False
        fault(handler)
        return True

    return failing


def test_an_answer_has_text_tokens_and_seconds(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    answer = HttpModel(server.url, 5).answer(HELLO)
    assert '"accuracy": 3' in answer.text
    assert (answer.tokens_in, answer.tokens_out, answer.finish_reason) == (7, 3, "stop")
    assert 0 < answer.seconds < 5
    assert server.keys == {"Bearer sk-0123456789"}
    assert server.bodies == [{"model": "a-model", "messages": [{"role": "user", "content": "hello, score 3"}]}]


def test_the_first_model_of_the_server_is_asked_where_none_is_named(server):
    assert HttpModel(server.url, 5).model_name(None) == "the-only-model"
    assert HttpModel(server.url, 5).model_name("mine") == "mine"


@pytest.mark.parametrize(
    "fault",
    [
        lambda handler: handler.send({"error": "busy"}, 500),
        lambda handler: handler.send(b"<html>a gateway</html>"),
        lambda handler: handler.send({"choices": []}),
        lambda handler: handler.send([1]),
        lambda handler: handler.send(b'{"choices": [{"mess', **{"Content-Length": "900"}),
        lambda handler: handler.connection.close(),
        lambda handler: time.sleep(0.5),
    ],
    ids=["500", "no JSON", "no answer in it", "a list", "cut off", "closed", "slow"],
)
def test_a_call_that_fails_for_now_is_repeated(server, fault):
    server.fault = first(fault)
    assert '"accuracy": 3' in HttpModel(server.url, 1.0).answer(HELLO).text
    assert server.calls == 2
    server.fault = first(fault, 9)
    with pytest.raises(CallError, match="2 times"):
        HttpModel(server.url, 1.0, retries=1).answer(HELLO)


def test_an_answer_that_drips_ends_at_the_limit(server):
    def drip(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    server.fault = first(drip)
    started = time.monotonic()
    with pytest.raises(CallError, match=r"no answer in 0\.2 s"):
        HttpModel(server.url, 0.2, retries=0).answer(HELLO)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("as_date", [False, True])
def test_the_server_says_how_long_to_wait(server, as_date):
    # a date has whole seconds
    pause = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "0.4"
    server.fault = first(lambda handler: handler.send({"error": "slow down"}, 429, Retry_After=pause))
    started = time.monotonic()
    HttpModel(server.url, 5).answer(HELLO)
    assert 0.35 < time.monotonic() - started < 3


def test_a_rejected_call_is_not_repeated(server):
    server.fault = first(lambda handler: handler.send({"error": "too long"}, 400))
    with pytest.raises(CallError, match=r"status 400.*too long"):
        HttpModel(server.url, 5).answer(HELLO)
    assert server.calls == 1


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_server_that_refuses_ends_the_run_without_the_key(server, status, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    to = {"Location": "http://127.0.0.1:1/"}
    server.fault = first(lambda handler: handler.send({"error": "bad key sk-0123456789"}, status, **to), 9)
    with pytest.raises(TextModelError, match=f"refuses .status {status}") as raised:
        HttpModel(server.url, 5).answer(HELLO)
    assert "sk-0123456789" not in str(raised.value)
    assert server.calls == 1


def test_a_server_that_is_not_there_ends_the_run(monkeypatch):
    monkeypatch.setattr(http_server, "_FIRST_PAUSE_S", 0.01)
    with pytest.raises(TextModelError, match="cannot be reached"):
        HttpModel("http://127.0.0.1:9/v1", 1, retries=1).answer(HELLO)


def test_no_more_calls_are_under_way_than_allowed(server, monkeypatch):
    monkeypatch.setenv("DJ_LLM_CALLS", "3")
    server.pause = 0.02
    wanted = [ChatRequest("m", (("user", str(number)),)) for number in range(20)] * 2
    found = answers(wanted, lambda: HttpModel(server.url, 5), None)
    assert None not in found
    assert server.calls == 20, "equal requests are asked once"
    assert 2 <= server.most <= 3


@pytest.mark.parametrize(
    ("url", "problem"),
    [("localhost:8000", "is no URL"), ("ftp://host/v1", "is no URL"), ("http://me:secret@host/v1", "a password")],
)
def test_an_address_that_is_none_is_one_line(url, problem):
    with pytest.raises(TextModelError, match=problem) as raised:
        text_model({"base_url": url})
    assert "secret" not in str(raised.value)


def test_the_key_of_the_user_goes_only_to_the_server_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.delenv("DJ_LLM", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    text_model({"base_url": server.url}).answer(HELLO)
    assert server.keys == {None}
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    text_model().answer(HELLO)
    assert server.keys == {None, "Bearer sk-0123456789"}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (lambda handler: handler.send({"error": "no"}, 401), "refuses .status 401"),
        (lambda handler: handler.send({"error": "no"}, 404), "refuses .status 404"),
        (lambda handler: handler.send({"error": "starting"}, 503), "does not list its models .status 503"),
        (lambda handler: handler.send(b"<html>"), "does not list its models .the reply is no JSON"),
        (lambda handler: time.sleep(0.5), "does not list its models .no answer in 0.2 s"),
        (lambda handler: handler.send({"data": []}), "does not list the model 'mine'; it lists none"),
        (lambda handler: handler.send({"data": [{"id": "other"}, 3]}), "it lists other$"),
    ],
    ids=["key", "address", "starting", "no JSON", "slow", "empty", "other"],
)
def test_a_server_is_asked_once_whether_it_has_a_model(server, reply, problem, monkeypatch):
    times = []
    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", lambda handler: times.append(1) or reply(handler))
    assert re.search(problem, HttpModel(server.url, 5).problem("mine", 0.2) or "")
    assert times == [1]


def test_a_server_that_lists_the_model_is_well(server):
    assert HttpModel(server.url, 5).problem("the-only-model", 5) is None
    assert HttpModel(server.url, 5).problem(None, 5) is None
