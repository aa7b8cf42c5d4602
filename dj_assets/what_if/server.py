"""The server of the sliders: the page and its answers for one recipe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from dj_assets.errors import UserError
from dj_assets.loopback import LoopbackServer, Reply, packaged
from dj_assets.what_if.session import OvertakenError, Session

DEFAULT_PORT = 3010
FILES = ("sliders.js", "sliders.css")


class Trial:
    """One recipe on its page. `open_session` opens the newest run, again when the page is loaded after a new one."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._opening = threading.Lock()
        self._session: Session | None = None

    def renew(self) -> Session:
        """Open the newest run if there is a newer one. Requests that still read the old run keep it.

        Raises
        ------
        UserError
            If there is no finished run, or the run measured something else.
        """
        with self._opening:
            if self._session is None or not self._session.is_current():
                self._session = self._open()
            return self._session

    def close(self) -> None:
        """Close the run."""
        if self._session is not None:
            self._session.close()

    def answer(self, question: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one question of the page.

        Raises
        ------
        UserError
            If there is no such question or bound, or the recipe refuses a value.
        """
        session = self._session or self.renew()
        changes = {int(index): values for index, values in asked.get("changes", {}).items()}
        answers: dict[str, Callable[[], dict[str, object]]] = {
            "about": session.about,
            "axis": lambda: session.axis(asked["statistic"]),
            "filters": lambda: session.filters(changes),
            "whole": lambda: session.whole(changes),
            "border": lambda: session.border(changes, asked["index"], asked["parameter"]),
            "preview": lambda: session.preview(changes),
            "write": lambda: session.write(changes),
        }
        if question not in answers:
            raise UserError(f"no such question: {question}")
        if question != "about" and not session.is_current():
            raise UserError("a newer run of this subset was published; reload the page")
        try:
            return answers[question]()
        except OvertakenError:
            return {"overtaken": True}


class TuningServer(LoopbackServer):
    """Server for one recipe."""

    def __init__(self, open_session: Callable[[], Session], port: int = DEFAULT_PORT) -> None:
        super().__init__(port)
        self._trial = Trial(open_session)
        self._trial.renew()

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:  # noqa: ARG002 - the sliders have no query
        """Return the page of sliders for the newest run, or one of its files."""
        if path.removeprefix("/") in FILES:
            return packaged(__package__, path.removeprefix("/"))
        if path != "/":
            return None
        self._trial.renew()
        return sliders()

    def ask(self, path: str, question: str, asked: Mapping[str, Any]) -> Mapping[str, object] | None:
        """Answer a question of the page."""
        return self._trial.answer(question, asked) if path == "/" else None

    def server_close(self) -> None:
        """Stop listening and close the run."""
        super().server_close()
        if hasattr(self, "_trial"):
            self._trial.close()


def sliders() -> Reply:
    """Return the page of the sliders, which requests its content from the server."""
    return packaged(__package__, "sliders.html")
