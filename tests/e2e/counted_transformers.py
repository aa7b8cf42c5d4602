"""Run `transformers serve` with a count of the chats that begin and end: `python -m … LOG MODEL --port N`.

The log has a line `begin PROMPT` for each chat that came, and `end PROMPT` for each whole answer that was sent; a
prompt is the SHA-256 of the body.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Counted:
    """An ASGI application that writes the chats of another one to a log."""

    def __init__(self, application: Callable[[Message, Receive, Send], Awaitable[None]], log: str) -> None:
        self.application = application
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/chat/completions"):
            await self.application(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        name = hashlib.sha256(body).hexdigest()
        self._note("begin", name)

        async def received() -> Message:
            """Return the body that was read."""
            return {"type": "http.request", "body": body, "more_body": False}

        async def sent(message: Message) -> None:
            """Pass a message on, and note the end of the answer."""
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._note("end", name)

        await self.application(scope, received, sent)

    def _note(self, what: str, name: str) -> None:
        os.write(self.log, f"{what} {name}\n".encode())


def main() -> None:
    """Serve with the arguments of `transformers serve`."""
    from transformers.cli.serving import server
    from transformers.cli.transformers import main as transformers

    log, build = sys.argv[1], server.build_server
    server.build_server = lambda *given, **named: Counted(build(*given, **named), log)  # type: ignore[assignment,return-value]
    sys.argv = ["transformers", "serve", *sys.argv[2:]]
    transformers()


if __name__ == "__main__":
    main()
