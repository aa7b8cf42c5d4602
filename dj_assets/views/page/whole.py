"""A complete HTML page from its parts: one style sheet, no other files, no scripts."""

from __future__ import annotations

from importlib import resources

from dj_assets.views.page.html import Html, tag

# No script runs and nothing is fetched, even where a text of the data passed the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def whole_page(title: str, header: Html, main: Html) -> str:
    """Return an HTML document that needs no other file."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(resources.files(__package__).joinpath("style.css").read_text("utf-8"))),
    )
    # markup, not text: all parts are escaped
    return f"<!doctype html>\n{tag('html', head, tag('body', header, main), lang='en')}\n"
