"""The start page: the gallery as cards, each with a link to the page of its subset."""

from __future__ import annotations

from dj_assets import settings
from dj_assets.recipe.gallery import Gallery, find_gallery
from dj_assets.views.page.gallery import cards, gallery_entries
from dj_assets.views.page.html import Html, tag
from dj_assets.views.page.whole import whole_page


def start_page(folder: str | None = None) -> str:
    """Return the page with all subsets of the gallery; `folder` is the name of an output folder that is served, too."""
    gallery = find_gallery() if settings.has_data_home() else Gallery({}, {})
    entries = gallery_entries(gallery)
    run = sum(entry.manifest is not None for entry in entries)
    about = f"{run} of {len(entries)} subsets have a finished run. Choose one to look at its samples."
    header = tag("header", tag("h1", "Explore"), tag("p", about, class_="about"))
    own = tag("section", tag("h2", "Output folder"), tag("p", tag("a", folder, href=f"{folder}/"))) if folder else ""
    body = cards(entries, lambda entry: f"{entry.name}/")
    return whole_page("Explore", header, tag("main", own or Html(""), body))
