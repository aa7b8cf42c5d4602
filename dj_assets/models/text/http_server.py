"""Ask a server with the interface of OpenAI over HTTP."""

from __future__ import annotations

import http.client
import json
import math
import random
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from dj_assets import variables
from dj_assets.errors import TextModelError
from dj_assets.models.text.chat import Answer, CallError, ChatRequest
from dj_assets.urls import without_credentials
from dj_assets.variables import without_secrets

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_MOST_BYTES = 16 * 2**20
# The part of the message of an error that is read.
_MOST_SAID = 1 << 16
_PIECE = 1 << 16
# The models of a server that a message names.
_MOST_NAMED = 5
# Statuses with which a server says that it would refuse every other call, too.
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class _LaterError(Exception):
    """Report a request that may succeed if it is repeated; `pause` is the time that the server asks to wait."""

    def __init__(self, problem: str, pause: float | None = None, *, gone: bool = False) -> None:
        super().__init__(problem)
        self.pause = pause
        self.gone = gone


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would carry the key to another server."""

    def redirect_request(self, *_: object) -> None:
        """Return no request."""


_opener = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True)
class HttpModel:
    """Ask a server at `base_url`, such as `http://127.0.0.1:8000/v1`.

    With `with_key`, the key in `OPENAI_API_KEY` is sent. A server that only a recipe names must not get it.
    A call ends after `timeout` seconds. A call that fails for now is repeated up to `retries` times: too many requests,
    an error of the server, no answer in time, and an answer that is cut off or no JSON. The pause doubles each time, or
    is what the server asks for, at most a minute.
    """

    base_url: str
    timeout: float
    retries: int = 5
    with_key: bool = True

    def model_name(self, wanted: str | None) -> str:
        """Return the wanted name, by default the first of the server's list."""
        return wanted or _first_model(self)

    def listed(self, seconds: float) -> tuple[str, ...]:
        """Return the names of the server's models, asked once and for at most `seconds`.

        Raises
        ------
        CallError
            If it gives no list now, or none that can be read.
        TextModelError
            If it is not there, or refuses the key or the address.
        """
        once = replace(self, timeout=min(seconds, self.timeout), retries=0)
        models = once.requested("/models", None, "data")["data"]
        entries = models if isinstance(models, list) else []
        return tuple(str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry)

    def problem(self, model: str | None, seconds: float) -> str | None:
        """Return why the server cannot be asked for answers of a model, None if it lists the model.

        Without a model, any will do.
        """
        try:
            names = self.listed(seconds)
        except TextModelError as error:
            return str(error)
        except CallError as error:
            return f"{self._shown}: does not list its models ({error})"
        if model in names or (model is None and names):
            return None
        others = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" * (len(names) > _MOST_NAMED))
        wanted = "any model" if model is None else f"the model {model!r}"
        listed = without_secrets(others) or "none"
        return f"{self._shown}: answers, but does not list {wanted}; it lists {listed}"

    def answer(self, request: ChatRequest) -> Answer:
        """Return the answer of the server.

        Raises
        ------
        CallError
            If this call gets no answer: the server rejects it, or fails each time.
        TextModelError
            If every call would fail: the server is not there, or refuses the key or the address.
        """
        started = time.perf_counter()
        reply = self.requested(request.endpoint, request.body(), request.response_path)
        text = _value_at(reply, request.response_path)
        usage = reply.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        sent, written = (counts.get(f"{kind}_tokens") for kind in ("prompt", "completion"))
        reason = _value_at(reply, "choices.0.finish_reason")
        seconds = time.perf_counter() - started
        return Answer(
            str(text),
            sent if isinstance(sent, int) else None,
            written if isinstance(written, int) else None,
            reason if isinstance(reason, str) else "",
            seconds,
        )

    def choose(self, request: ChatRequest) -> Answer:
        """Return the option that is most likely as the first token of the answer, by the log-probabilities.

        Raises
        ------
        CallError
            If the server names no log-probabilities, or none of an option; else as `answer`.
        """
        started = time.perf_counter()
        path = "choices.0.logprobs.content.0.top_logprobs"
        try:
            reply = self.requested(request.endpoint, request.body(), path)
        except CallError as error:
            raise CallError(f"{error}; choosing needs a server with logprobs") from None
        listed = _value_at(reply, path)
        scores = [-math.inf] * len(request.options)
        for entry in listed if isinstance(listed, list) else ():
            token = str(entry.get("token", "")).strip().lower()
            for index, option in enumerate(request.options):
                if token and option.lower().startswith(token):
                    scores[index] = max(scores[index], float(entry["logprob"]))
        best = max(range(len(scores)), key=scores.__getitem__)
        if scores[best] == -math.inf:
            raise CallError("none of the most likely tokens begins an option")
        seconds = time.perf_counter() - started
        return Answer(request.options[best], None, 1, "choice", seconds, tuple(scores))

    def requested(self, endpoint: str, body: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
        """Return the reply to a request, which has a value at a path; without a body it is a GET request."""
        for attempt in range(self.retries + 1):
            try:
                return self._once(endpoint, body, path)
            except _LaterError as error:
                problem = without_secrets(str(error))
                if attempt == self.retries:
                    if error.gone:
                        fix = "start it, or correct OPENAI_BASE_URL; answered calls are kept"
                        raise TextModelError(f"{self._shown}: cannot be reached ({problem}); {fix}") from None
                    raise CallError(f"{problem}, {attempt + 1} times") from None
                # full jitter: calls that were refused together must not come back together
                usual = random.uniform(0.5, 1) * _FIRST_PAUSE_S * 2**attempt  # noqa: S311
                time.sleep(min(_LONGEST_PAUSE_S, usual if error.pause is None else error.pause))
        raise AssertionError("unreachable")

    def _once(self, endpoint: str, body: Mapping[str, Any] | None, path: str) -> dict[str, Any]:
        key = variables.OPENAI_API_KEY.given() if self.with_key else None
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url.rstrip("/") + endpoint, content, headers)  # noqa: S310 - checked
        deadline = time.monotonic() + self.timeout
        try:
            with _opener.open(request, timeout=self.timeout) as response:
                reply = json.loads(_read(response, deadline))
        except urllib.error.HTTPError as error:
            raise self._of_status(error) from None
        except TimeoutError:
            raise _LaterError(f"no answer in {self.timeout:g} s") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _LaterError(f"no answer in {self.timeout:g} s") from None
            raise _LaterError(str(error.reason), gone=True) from None
        except (http.client.HTTPException, OSError) as error:
            raise _LaterError(f"the connection broke ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise _LaterError("the reply is no JSON") from None
        if not isinstance(reply, dict):
            raise _LaterError("the reply is no JSON object")
        if _value_at(reply, path) is None:
            raise _LaterError(f"the reply has no {path}")
        return reply

    def _of_status(self, error: urllib.error.HTTPError) -> Exception:
        """Return the error for a status other than success."""
        with error:
            # servers repeat the key that they refuse: it is masked before the message is cut
            read = without_secrets(error.read(_MOST_SAID).decode("utf-8", "replace"))
        said = " ".join(read.split())[:200]
        problem = f"status {error.code}" + (f": {said}" if said else "")
        if error.code in _LATER or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _LaterError(problem, _pause(error.headers.get("Retry-After")))
        if error.code in _REFUSED or error.code < HTTPStatus.BAD_REQUEST:
            fix = "check OPENAI_BASE_URL, OPENAI_API_KEY and the name of the model"
            return TextModelError(f"{self._shown}: refuses ({problem}); {fix}")
        return CallError(problem)

    @property
    def _shown(self) -> str:
        return without_credentials(self.base_url)


def _read(response: Any, deadline: float) -> bytes:  # noqa: ANN401 - the type differs by scheme
    """Return the body of a response that is complete before a deadline."""
    body = bytearray()
    while piece := response.read1(_PIECE):
        body += piece
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(body) > _MOST_BYTES:
            raise _LaterError(f"the reply is longer than {_MOST_BYTES} bytes")
    if response.length:
        raise _LaterError("the reply is cut off")
    return bytes(body)


def _value_at(reply: object, path: str) -> object:
    """Return the value at a dotted path such as `choices.0.message.content`, None if there is none."""
    for part in path.split("."):
        if isinstance(reply, list) and part.isdigit() and int(part) < len(reply):
            reply = reply[int(part)]
        elif isinstance(reply, dict):
            reply = reply.get(part)
        else:
            return None
    return reply


def _pause(header: str | None) -> float | None:
    """Return the seconds of a header `Retry-After`, given as a number or as a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


@cache
def _first_model(server: HttpModel) -> str:
    try:
        return str(_value_at(server.requested("/models", None, "data.0.id"), "data.0.id"))
    except CallError as error:
        problem = f"{without_credentials(server.base_url)}: does not list its models ({error})"
        raise TextModelError(f"{problem}; name one in the recipe") from None
