"""A server on loopback with the interface of OpenAI, which counts what it is asked, and can fail on purpose."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a fault sends in place of an answer; it gets the handler and the prompt, and returns False to answer after all.
Fault = Callable[[BaseHTTPRequestHandler, str], bool]


class ChatServer(ThreadingHTTPServer):
    """Answers by `reply`; `asked` counts the prompts that came, `most` is the largest number of calls under way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.fault: Fault | None = None
        self.reply: Callable[[str], str] = scores
        self.pause = 0.0
        self.under_way = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def calls(self) -> int:
        return sum(self.asked.values())


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self.send({"data": [{"id": "the-only-model"}]})

    def do_POST(self) -> None:
        server, body = self.server, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["input"] if self.path.endswith("/embeddings") else body["messages"][-1]["content"]
        # a question about images has several parts
        prompt = prompt if isinstance(prompt, str) else json.dumps(prompt)
        with server.lock:
            server.asked[prompt] += 1
            server.bodies.append(body)
            server.keys.add(self.headers["Authorization"])
            server.under_way += 1
            server.most = max(server.most, server.under_way)
        time.sleep(server.pause)
        with server.lock:
            server.under_way -= 1
        if server.fault and server.fault(self, prompt):
            return
        if self.path.endswith("/embeddings"):
            self.send({"data": [{"embedding": json.loads(server.reply(prompt))}], "usage": {"prompt_tokens": 7}})
            return
        choice = {"message": {"role": "assistant", "content": server.reply(prompt)}, "finish_reason": "stop"}
        self.send({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})

    def send(self, content: object, status: int = 200, **headers: str) -> None:
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(sent))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(sent)


def scores(prompt: str) -> str:
    """Give the score that the text names, such as `score 3`, in each dimension; 5 without one."""
    named = re.search(r"score (\d)", prompt)
    value = int(named[1]) if named else 5
    names = ("accuracy", "grammar", "informativeness", "coherence")
    return json.dumps({"dimension_scores": dict.fromkeys(names, value), "flags": ["short"], "recommendation": ["keep"]})


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
