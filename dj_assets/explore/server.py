"""The server of Explore: the start page, a page for every subset with a finished run, and its sliders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from dj_assets.errors import DjError, UserError
from dj_assets.explore.opened_run import OpenedRun
from dj_assets.explore.start_page import start_page
from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import RunManifest
from dj_assets.loopback import KINDS, LoopbackServer, Reply, packaged
from dj_assets.recipe.gallery import find_gallery
from dj_assets.subset.finished import finished_run
from dj_assets.what_if.all_subsets import open_run as open_session
from dj_assets.what_if.server import FILES as SLIDER_FILES
from dj_assets.what_if.server import Trial, sliders

FILES = ("explore.html", "explore.css", "explore.js", "charts.js", "sample.js", "pair.js", "labels.js", "dom.js")
_SLIDERS = "sliders/"


class ExploreServer(LoopbackServer):
    """Server for every subset of the gallery that has a finished run, at `<subset>/`; the start page lists them.

    With `folder`, it serves one more run: that of an output folder, at its name. A run is opened when it is first
    asked for, and again when the page is loaded after a newer run.
    """

    def __init__(self, port: int, token: str | None = None, folder: str | None = None) -> None:
        super().__init__(port, token)
        self._folder = folder
        self._opened: dict[str, OpenedRun] = {}
        self._trials: dict[str, Trial] = {}
        self._finding = threading.Lock()

    def open_ahead(self, name: str) -> None:
        """Open the run of a name in the background: a page that is loaded meanwhile waits for the rest only."""

        def opened() -> None:
            # the page tells what is wrong with it
            with suppress(DjError):
                self._run(name)

        threading.Thread(target=opened, daemon=True).start()

    def get(self, path: str, query: Mapping[str, str]) -> Reply | None:
        """Return a page, one of its files, or a file of a sample."""
        if path == "/":
            return Reply(start_page(run_name(self._folder) if self._folder else None).encode(), KINDS[".html"])
        name, slash, rest = path.removeprefix("/").partition("/")
        if not slash:
            return None
        package, file = _file(rest)
        if file:
            return packaged(package, file)
        if rest == _SLIDERS:
            self._trial(name).renew()
            return sliders()
        run = self._run(name, renew=not rest)
        return run.get(rest, query) if rest else packaged(__package__, "explore.html")

    def ask(self, path: str, question: str, asked: Mapping[str, Any]) -> Mapping[str, object] | None:
        """Answer a question of the page of a subset, or of its sliders."""
        name, _, rest = path.removeprefix("/").partition("/")
        if rest == _SLIDERS:
            return self._trial(name).answer(question, asked)
        if rest or not name:
            return None
        run = self._run(name)
        if not run.is_current():
            raise UserError("a newer run of this subset was published; reload the page")
        return run.answer(question, asked)

    def server_close(self) -> None:
        """Stop listening and close the runs."""
        super().server_close()
        for opened in (*getattr(self, "_opened", {}).values(), *getattr(self, "_trials", {}).values()):
            opened.close()

    def _run(self, name: str, *, renew: bool = False) -> OpenedRun:
        """Return the run of a name; with `renew`, the newest one."""
        with self._finding:
            opened = self._opened.get(name)
            if opened is None or (renew and not opened.is_current()):
                # requests that still read the older run keep it
                self._opened[name] = opened = OpenedRun(name, *self._find(name))
            return opened

    def _trial(self, name: str) -> Trial:
        with self._finding:
            if name not in self._trials:
                _, manifest = self._find(name)
                self._trials[name] = Trial(self._session(name, manifest))
            return self._trials[name]

    def _session(self, name: str, manifest: RunManifest) -> Callable[[], Any]:
        if self._folder is not None and name == run_name(self._folder):
            return lambda: open_session(manifest.recipe, self._folder)
        return lambda: open_session(name)

    def _find(self, name: str) -> tuple[Layout, RunManifest]:
        """Return the newest finished run of a name.

        Raises
        ------
        UserError
            If there is none.
        """
        if self._folder is not None and name == run_name(self._folder):
            return finished_run(self._folder)
        if name not in find_gallery().recipes:
            raise UserError(f"{name}: is no subset of the gallery")
        return finished_run(name)


def run_name(folder: str) -> str:
    """Return the name of an output folder or URL, or of a subset, in addresses."""
    return folder.rstrip("/").rpartition("/")[2] or "run"


def _file(path: str) -> tuple[str, str]:
    """Return the package and the name of a file that pages share; an empty name where it is none."""
    if path in FILES:
        return __package__, path
    if path == "style.css":
        # the colours and tables of the report
        return "dj_assets.views.page", path
    file = path.removeprefix(_SLIDERS)
    return "dj_assets.what_if", file if file in SLIDER_FILES else ""
