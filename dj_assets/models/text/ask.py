"""Choose the back end, and ask it for many answers at once. Each answer is kept, and never asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dj_assets import settings
from dj_assets.errors import TextModelError
from dj_assets.models.text.budget import Budget
from dj_assets.models.text.canned import CannedModel
from dj_assets.models.text.chat import Answer, CallError, ChatRequest, KeptAnswers, VisionModel
from dj_assets.models.text.counting import CallCounts, count
from dj_assets.models.text.in_process import Find, InProcessModel

_CANNED = "canned:"
IN_PROCESS = "transformers"
NOT_CONFIGURED = (
    "no language model is configured; set OPENAI_BASE_URL, or DJ_LLM to a URL, to canned:FILE or to transformers"
)


def text_model(
    parameters: Mapping[str, Any] | None = None, find: Find | None = None, *, vision: bool = False
) -> VisionModel:
    """Return the back end: `base_url` of the parameters, else `DJ_LLM`, else the server of `OPENAI_BASE_URL`.

    For questions about images (`vision`), `DJ_VLM` comes before `DJ_LLM`. Further parameters are `timeout` in seconds,
    by default that of `DJ_LLM_SECONDS`, and `max_retries`. The key of the user is sent only to the server that the
    environment names. `find` finds the models of this machine, for the back end `transformers`.

    Raises
    ------
    TextModelError
        If none is configured, or the address is no URL.
    """
    given = parameters or {}
    where = given.get("base_url") or settings.language_model(vision=vision)
    if not where:
        raise TextModelError(NOT_CONFIGURED)
    if where.startswith(_CANNED):
        return CannedModel(Path(where.removeprefix(_CANNED)))
    if where == IN_PROCESS:
        return InProcessModel(find)
    problem = problem_of_address(where)
    if problem:
        raise TextModelError(f"the address of the language model {problem}")
    # HTTP and TLS are loaded only where a server is asked
    from dj_assets.models.text.http_server import HttpModel

    seconds = float(given.get("timeout") or settings.llm_seconds())
    by_the_user = where == settings.language_model(vision=vision)
    return HttpModel(where, seconds, int(given.get("max_retries", HttpModel.retries)), with_key=by_the_user)


def is_in_process(parameters: Mapping[str, Any] | None = None, *, vision: bool = False) -> bool:
    """Return whether models run in this process, by the same rules as `text_model`."""
    return ((parameters or {}).get("base_url") or settings.language_model(vision=vision)) == IN_PROCESS


def problem_of_address(url: str) -> str | None:
    """Return why a URL cannot be that of a server, None if it can.

    Examples
    --------
    >>> problem_of_address("http://127.0.0.1:8000/v1") is None
    True
    >>> problem_of_address("127.0.0.1:8000")
    'is no URL of a server; write one such as http://127.0.0.1:8000/v1'
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "is no URL of a server; write one such as http://127.0.0.1:8000/v1"
    if parts.username or parts.password or parts.query:
        return "holds a name, a password or a query; give the key in OPENAI_API_KEY"
    return None


def answers(
    requests: Sequence[ChatRequest], open_model: Callable[[], VisionModel], kept: KeptAnswers | None
) -> list[Answer | None]:
    """Return the answer of every request, None for a call that failed.

    Equal requests are asked once, at most `DJ_LLM_CALLS` at a time. `open_model` is called only if answers are missing.
    The calls are counted, see `counting`.

    Raises
    ------
    TextModelError
        If every call would fail. Answers that came before are kept.
    """
    wanted = {request.key: request for request in requests}
    found = {key: answer for key in wanted if (answer := _kept(kept, key)) is not None}
    missing = [key for key in wanted if key not in found]
    if missing and not (kept and kept.read_only):
        model, budget = open_model(), Budget.of_settings()
        with ThreadPoolExecutor(min(len(missing), settings.llm_calls()), thread_name_prefix="call") as pool:
            calls = {key: pool.submit(_asked, wanted[key], model, kept, budget) for key in missing}
            try:
                found |= {key: answer for key, call in calls.items() if (answer := call.result()) is not None}
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    count(_counts(wanted, found, missing))
    return [found.get(request.key) for request in requests]


def _counts(wanted: Mapping[str, ChatRequest], found: Mapping[str, Answer], missing: Sequence[str]) -> CallCounts:
    """Return the sums over some requests, of which the `missing` ones were asked now."""
    new = [found[key] for key in missing if key in found]
    return CallCounts(
        model=next((request.model for request in wanted.values()), ""),
        prompts=len(wanted),
        kept=len(wanted) - len(missing),
        failed=len(missing) - len(new),
        tokens_in=sum(answer.tokens_in or 0 for answer in new),
        tokens_out=sum(answer.tokens_out or 0 for answer in new),
        seconds=sum(answer.seconds for answer in new),
    )


def _kept(kept: KeptAnswers | None, key: str) -> Answer | None:
    record = kept.read(key) if kept else None
    if record is None or not isinstance(record.get("answer"), dict):
        return None
    try:
        return Answer(**record["answer"])
    except TypeError:
        return None


def _asked(request: ChatRequest, model: VisionModel, kept: KeptAnswers | None, budget: Budget) -> Answer | None:
    """Ask a model, and keep its answer; of a failed call, keep the error."""
    budget.begin(request.model, kept)
    record: dict[str, Any] = {"request": request.described(), "asked": time.time()}
    answer = None
    try:
        answer = model.choose(request) if request.options else model.answer(request)
        record["answer"] = answer.described()
    except CallError as error:
        record["error"] = str(error)
    if kept:
        kept.write(request.key, record)
    if answer is not None:
        budget.end(request.model, answer, kept)
    return answer
