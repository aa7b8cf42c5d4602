"""Hooks of mkdocs: the navigation follows the files in `docs/`, and links to other files and to folders become text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_DECISIONS = "decisions"
# GitHub takes the title of a code block without quotes, the highlighter of the site only with them.
_TITLE = re.compile(r"^(```\w+ title=)([^\s\"]+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:)([^)\s#]+)(?:#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation."""
    folder = Path(config.docs_dir)
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    config.nav = complete(config.nav or [], pages)
    return config


def complete(nav: list[Any], pages: list[str]) -> list[Any]:
    """Return a navigation without pages that are gone, and with a section for decisions and one for all other pages."""
    kept = list(_existing(nav, set(pages)))
    rest = [page for page in pages if page not in set(_listed(kept))]
    sections = {
        # the list of all decisions stands before them, and is the page of the section
        "Decisions": sorted((page for page in rest if page.startswith(f"{_DECISIONS}/")), key=_index_first),
        "More": [page for page in rest if not page.startswith(f"{_DECISIONS}/")],
    }
    return [*kept, *({title: entries} for title, entries in sections.items() if entries)]


def _index_first(page: str) -> tuple[bool, str]:
    return posixpath.basename(page) not in {"README.md", "index.md"}, page


def _existing(entries: list[Any], pages: set[str]) -> Iterator[Any]:
    for entry in entries:
        if isinstance(entry, str):
            if entry in pages:
                yield entry
            continue
        ((title, inner),) = entry.items()
        if isinstance(inner, str):
            if inner in pages:
                yield entry
        elif found := list(_existing(inner, pages)):
            yield {title: found}


def _listed(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        inner = [entry] if isinstance(entry, str) else list(entry.values())
        for value in inner:
            if isinstance(value, str):
                yield value
            else:
                yield from _listed(value)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Prepare a page: titles of code blocks in quotes, no links to folders and to files outside of `docs/`."""
    return without_outside_links(with_quoted_titles(markdown), posixpath.dirname(page.file.src_uri))


def with_quoted_titles(markdown: str) -> str:
    """Return a page whose code blocks have their titles in quotes."""
    return _TITLE.sub(r'\1"\2"', markdown)


def without_outside_links(markdown: str, folder: str) -> str:
    """Return a page whose links to folders and out of `docs/` are text; `folder` is the one of the page."""

    def text(link: re.Match[str]) -> str:
        slash = "/" if link[2].endswith("/") else ""
        target = posixpath.normpath(posixpath.join("docs", folder, link[2]))
        if target.startswith("docs/") and not slash:
            return link[0]
        file = target + slash
        return link[1] if file in link[1] else f"{link[1]} (`{file}` in the repository)"

    return _LINK.sub(text, markdown)
