"""Costs of servers that fail: `python -m tests.models.server_faults` writes the table in `docs/model_servers.md`."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dj_assets.errors import TextModelError
from dj_assets.models.store import ModelStore
from dj_assets.models.text import http_server
from dj_assets.operators.batch import Batch
from dj_assets.operators.text.llm_quality_score_filter import LlmQualityScoreFilter
from dj_assets.stores.generations import Generations
from tests.models.chat_server import Fault, chat_server
from tests.paths import ROOT

PAGE = ROOT / "docs/model_servers.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"
SAMPLES, RETRIES, ATTEMPTS, TIMEOUT_S = 4, 2, 3, 1.0
TEXTS = [f"Sample {number}, score {number % 5 + 1}." for number in range(SAMPLES)]
SLOW = "no answer within `timeout`"
_CHINESE = {"accuracy": 4, "grammar": 4, "informativeness": 4, "coherence": 4}


@dataclass(frozen=True)
class Behaviour:
    """What a server does in place of a right answer: a fault of the connection, or another text."""

    name: str
    fault: Callable[[Any], Any] | None = None
    text: str | None = None


BEHAVIOURS = (
    Behaviour("answers as it should"),
    Behaviour(
        "status 429 with `Retry-After`", lambda handler: handler.send({"error": "slow"}, 429, Retry_After="0.01")
    ),
    Behaviour("status 500", lambda handler: handler.send({"error": "broken"}, 500)),
    Behaviour(SLOW, lambda _: time.sleep(1.5 * TIMEOUT_S)),
    Behaviour(
        "a reply that is cut off", lambda handler: handler.send(b'{"choices": [{"m', **{"Content-Length": "900"})
    ),
    Behaviour("a connection that is closed", lambda handler: handler.connection.close()),
    Behaviour("a page in place of JSON", lambda handler: handler.send(b"<html>a gateway</html>")),
    Behaviour("JSON of another form", lambda handler: handler.send({"result": "fine"})),
    Behaviour("status 400", lambda handler: handler.send({"error": "too long"}, 400)),
    Behaviour("status 401", lambda handler: handler.send({"error": "key"}, 401)),
    Behaviour("an empty answer", text=""),
    Behaviour("an answer without the form", text="I like it very much!"),
    Behaviour("an answer in Chinese without the form", text="这段文字写得很好。"),
    Behaviour(
        "an answer in Chinese in the form",
        text=json.dumps({"dimension_scores": _CHINESE, "rationale": "写得很好"}, ensure_ascii=False),
    ),
)


@dataclass(frozen=True)
class Cost:
    """The calls that came to the server, and what became of the samples: answered, failed, or the run ended.

    A run that ends makes one call, and those under way.
    """

    calls: int
    answered: int
    failed: int
    ended: bool

    @property
    def outcome(self) -> str:
        """Return the outcome in words."""
        if self.ended:
            return "the run stops"
        return f"{self.answered} answered, {self.failed} failed" if self.failed else "all answered"


def cost_of(behaviour: Behaviour, times: int) -> Cost:
    """Ask about all samples; the server behaves so for the first `times` calls of each prompt."""
    with chat_server() as server, tempfile.TemporaryDirectory() as folder:
        seen: Counter[str] = Counter()
        sensible = server.reply
        if behaviour.fault:
            server.fault = _first(behaviour.fault, times, seen)
        if behaviour.text is not None:
            text = behaviour.text
            server.reply = lambda prompt: text if server.asked[prompt] <= times else sensible(prompt)
        slow = behaviour.name == SLOW
        model = {"base_url": server.url, "timeout": TIMEOUT_S if slow else 30, "max_retries": RETRIES}
        operator = LlmQualityScoreFilter(model_params=model, try_num=ATTEMPTS)
        batch = Batch.of_texts(TEXTS, replace(ModelStore(), answers=Generations(folder)))
        try:
            scores = operator.measure(batch)["llm_quality_score"].to_pylist()
        except TextModelError:
            # calls under way may come before the first one ends the run
            return Cost(1, 0, 0, ended=True)
        return Cost(server.calls, sum(score > 0 for score in scores), scores.count(0.0), ended=False)


def _first(fault: Callable[[Any], Any], times: int, seen: Counter[str]) -> Fault:
    def failing(handler: Any, prompt: str) -> bool:
        seen[prompt] += 1
        if seen[prompt] > times:
            return False
        fault(handler)
        return True

    return failing


@contextmanager
def quick() -> Iterator[None]:
    """Let pauses be short, and all calls be under way at once."""
    usual, given = http_server._FIRST_PAUSE_S, os.environ.get("DJ_LLM_CALLS")
    http_server._FIRST_PAUSE_S, os.environ["DJ_LLM_CALLS"] = 0.01, str(SAMPLES)
    try:
        yield
    finally:
        http_server._FIRST_PAUSE_S = usual
        os.environ.pop("DJ_LLM_CALLS")
        if given is not None:
            os.environ["DJ_LLM_CALLS"] = given


def costs() -> Mapping[str, tuple[Cost, Cost]]:
    """Return the cost of every behaviour: at the first call of each prompt, and at all calls."""
    always = 1000
    with quick():
        return {each.name: (cost_of(each, 1), cost_of(each, always)) for each in BEHAVIOURS}


def table(found: Mapping[str, tuple[Cost, Cost]]) -> str:
    """Return the costs as a table of Markdown."""
    lines = ["| the server gives | once: calls | outcome | always: calls | outcome |", "|---|---:|---|---:|---|"]
    for name, (once, always) in found.items():
        lines.append(f"| {name} | {once.calls} | {once.outcome} | {always.calls} | {always.outcome} |")
    return "\n".join(lines) + "\n"


def written(page: str, found: Mapping[str, tuple[Cost, Cost]]) -> str:
    """Return the page with the table of the costs in place of the old one."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table(found)}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    Path(PAGE).write_text(written(PAGE.read_text("utf-8"), costs()), "utf-8")
