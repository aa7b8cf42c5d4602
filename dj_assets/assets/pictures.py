"""Plots and dropped examples of a published subset as metadata, within the size limit of an event."""

from __future__ import annotations

import base64
import re

from dagster import MarkdownMetadataValue, MetadataValue

from dj_assets.analysis.differences import Change
from dj_assets.analysis.duplicate_pairs import DuplicatePair, duplicate_pairs
from dj_assets.analysis.examples import Example, dropped_examples
from dj_assets.analysis.figures import compact
from dj_assets.analysis.funnel_chain import funnel_chain
from dj_assets.analysis.people import PeopleOfRun
from dj_assets.assets.labels import short_name
from dj_assets.recipe.plan import Plan
from dj_assets.subset import RunResult, Subset
from dj_assets.views import contact_sheet
from dj_assets.views.distributions import LIMIT_BYTES, distributions_svg
from dj_assets.views.markdown import embed_png, embed_svg, table_markdown
from dj_assets.views.people_picture import people_picture
from dj_assets.views.sankey import chain_svg, sankey_svg
from dj_assets.views.thumbnail import thumbnail_png
from dj_assets.views.visible import visible

EXAMPLES_BYTES = 12_000
# The size of the compressed picture; base64 makes it a third larger.
SHEET_BYTES = 18_000
FLOW_BYTES = 16_000
CHAIN_BYTES = 24_000
PEOPLE_BYTES = 14_000
_PEOPLE_CLIPS = 3
_EXCERPT = 110
_MARKUP = re.compile(r"[*_~`<>\[\]&$\\]")
# The bytes of the Markdown around a picture, and the characters of base64 for three bytes.
_AROUND, _BASE64 = 200, 4 / 3


def funnel_plot(result: RunResult, plan: Plan) -> MarkdownMetadataValue:
    """Return the funnel as a picture that is small enough for inline display."""
    return MetadataValue.md(embed_png(thumbnail_png(result.database, plan)))


def funnel_flow(result: RunResult) -> MarkdownMetadataValue:
    """Return the operators as a flow whose width is the number of samples; it opens in a dialog."""
    steps = (*result.manifest.loading, *result.manifest.funnel)
    return MetadataValue.md(embed_svg(sankey_svg(steps), FLOW_BYTES))


def chained_funnel(result: RunResult) -> dict[str, MarkdownMetadataValue]:
    """Return the funnels of all subsets on the way to this one as one picture; empty if its input is no subset."""
    links = funnel_chain(result.manifest)
    if len(links) == 1:
        return {}
    return {"funnel_chain": MetadataValue.md(embed_svg(chain_svg(links), CHAIN_BYTES, "funnel of all subsets"))}


def distributions(result: RunResult, plan: Plan, room_bytes: int) -> MarkdownMetadataValue:
    """Return the distributions with their thresholds as a picture that opens in a dialog."""
    limit = min(LIMIT_BYTES, int((room_bytes - _AROUND) / _BASE64))
    return MetadataValue.md(embed_svg(distributions_svg(result.database, plan, limit), room_bytes))


def examples(result: RunResult, subset: Subset) -> MarkdownMetadataValue:
    """Return three dropped samples of every operator with the reason and the beginning of their text."""
    dropped = dropped_examples(result.database, subset.layout, subset.plan, per_operator=3, width=_EXCERPT)
    rows = [
        {
            "operator": short_name(example.operator),
            "sample": literal(example.id),
            "why": literal(_why(example)),
            "text": literal(example.excerpt),
        }
        for example in dropped
    ]
    return MetadataValue.md(table_markdown(rows, EXAMPLES_BYTES) or "nothing was dropped")


def contact_sheets(result: RunResult) -> dict[str, MarkdownMetadataValue]:
    """Return dropped next to passed samples of the operators that read media, and the paths of the full sheets."""
    folder = result.folder / contact_sheet.FOLDER
    sheet = contact_sheet.overview(result.folder, SHEET_BYTES)
    if not sheet:
        return {}
    encoded = base64.b64encode(sheet).decode()
    names = ", ".join(f"`{path.name}`" for path in sorted(folder.glob("*.jpg")) if path.name != contact_sheet.OVERVIEW)
    text = f"![contact sheets](data:image/jpeg;base64,{encoded})\n\nIn full: {names} in `{folder}`"
    return {"contact_sheets": MetadataValue.md(text)}


def people(result: RunResult, subset: Subset) -> dict[str, MarkdownMetadataValue]:
    """Return who is seen and who speaks in some clips, and clips by kind; nothing if no people are tracked."""
    run = PeopleOfRun(subset.plan, subset.layout, result.manifest)
    if not run.has_people or not run.clips:
        return {}
    picture = people_picture({clip: run.length(clip) for clip in run.examples(_PEOPLE_CLIPS)}, run.balance())
    return {"people": MetadataValue.md(embed_svg(picture, PEOPLE_BYTES, "people in clips"))}


def duplicate_differences(result: RunResult, subset: Subset) -> MarkdownMetadataValue:
    """Return a few dropped duplicates with their kept duplicates and marked differences."""
    pairs = duplicate_pairs(result.database, subset.layout, per_operator=2, places=2, width=_EXCERPT)
    return MetadataValue.md("\n\n---\n\n".join(_pair(pair) for pair in pairs) or "no duplicate was dropped")


def _pair(pair: DuplicatePair) -> str:
    apart = "" if pair.distance is None else f", distance {compact(pair.distance)}"
    head = f"**{literal(pair.id)}** was dropped for **{literal(pair.kept_id)}**"
    lines = [
        head,
        f"{short_name(pair.operator)}{apart}",
        literal(pair.beginning) + "…",
        *(_change(change) for change in pair.changes.shown),
    ]
    return "\n\n".join([*lines, "both texts are the same"] if pair.same else lines)


def _change(change: Change) -> str:
    removed, added = (literal(text.strip()) for text in (change.removed, change.added))
    marks = [f"~~{removed}~~" if removed else "", f"**{added}**" if added else ""]
    return f"- …{literal(change.before)} {' '.join(filter(None, marks))} {literal(change.after)}…"


def literal(text: str) -> str:
    """Return text escaped so that Markdown shows it unchanged, with the names of control characters.

    Dropped samples often have asterisks and brackets.
    """
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", visible(text))


def _why(example: Example) -> str:
    if example.quarantined:
        return f"quarantined: {example.reason}"
    if example.distance is not None:
        return f"{example.reason}, distance {compact(example.distance)}"
    return example.reason if example.value is None else f"{compact(example.value)}: {example.reason}"
