"""Pair sheets: pairs of images with their candidate boxes, a heat map of the difference, and both captions."""

from __future__ import annotations

from collections.abc import Sequence

from dj_assets.analysis.differences import Segment
from dj_assets.analysis.figures import compact
from dj_assets.analysis.image_pairs import ImagePair, PairsOfRun
from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.kinds.image_pairs import same_size
from dj_assets.publish.database import reading
from dj_assets.recipe.plan import Plan
from dj_assets.views.page.html import Html, joined, quoted_text, table, tag
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.pair_legend import label_of, legend, style_of
from dj_assets.views.pair_pictures import data_url, heat_map, reduced

_PAIRS, _EDGE = 6, 320
_MARKS = {"removed": "del", "added": "ins"}
_ABOUT = (
    "Pairs of images with all of their candidate boxes, coloured by outcome: about half of the pairs have a kept "
    "sample, the others were lost at different operators. The heat map shows the square root of the difference of the "
    "pixels. Words that only one caption has are marked."
)


def image_pairs(report_input: ReportInput) -> Section | None:
    """Return the sheets of a few pairs; None for a recipe that does not work on pairs of images."""
    run = PairsOfRun(report_input.plan, report_input.layout, report_input.manifest)
    if not run.has_pairs:
        return None
    with reading(report_input.database) as connection:
        pairs = run.examples(connection, _PAIRS)
    sheets = [sheet(report_input.plan, pair, run.pictures(pair)) for pair in pairs]
    return Section("pairs", "Pairs of images", _ABOUT if sheets else "The run has no pair of images.", joined(sheets))


def sheet(plan: Plan, pair: ImagePair, pictures: tuple[Uint8s, Uint8s] | None) -> Html:
    """Return the sheet of a pair; without pictures, its boxes and captions alone."""
    shown = _figures(plan, pair, pictures) if pictures else _captions_alone(pair)
    figures = tag("div", *shown, class_="pictures")
    return tag("div", _outcome(plan, pair), figures, *_listed(plan, pair), class_="sheet")


def _captions_alone(pair: ImagePair) -> list[Html]:
    remark = tag("p", "The images cannot be opened.", class_="about")
    return [remark, *(_caption(parts) for parts in pair.captions)]


def _outcome(plan: Plan, pair: ImagePair) -> Html:
    entries = [_key(entry.style, f"{entry.boxes:,} {entry.label}") for entry in legend(plan, pair)]
    if pair.outcome is not None and pair.outcome.kind != "expanded":
        reason = [": ", quoted_text(pair.outcome.reason)] if pair.outcome.reason else []
        entries = [tag("span", "the pair is ", label_of(pair.outcome), *reason)]
    return tag("div", *(entries or [tag("span", "no candidate box")]), class_="legend")


def _key(style: str, label: str) -> Html:
    return tag("span", tag("i", class_=f"key {style}"), label)


def _figures(plan: Plan, pair: ImagePair, pictures: tuple[Uint8s, Uint8s]) -> list[Html]:
    first, second = pictures[0], same_size(pictures[1], pictures[0])
    boxes = _boxes(plan, pair, first)
    names = ("first image", "second image", "heat map of the difference")
    notes = (*(_caption(parts) for parts in pair.captions), tag("span", "difference"))
    shown = (first, second, heat_map(first, second))
    return [
        tag("figure", tag("div", _picture(picture, name), boxes, class_="boxed"), tag("figcaption", note))
        for picture, name, note in zip(shown, names, notes, strict=True)
    ]


def _picture(picture: Uint8s, name: str) -> Html:
    return tag("img", src=data_url(reduced(picture, _EDGE)), alt=name)


def _boxes(plan: Plan, pair: ImagePair, picture: Uint8s) -> Html:
    """Return all boxes as one drawing over a picture, in its pixels; kept ones are on top."""
    height, width = picture.shape[:2]
    numbered = sorted(enumerate(pair.boxes, 1), key=lambda entry: entry[1].outcome.kind == "kept")
    size = max(width, height) / 28
    drawn = []
    for number, box in numbered:
        left, top, wide, high = (f"{side:g}" for side in box.area)
        sides = {"x": left, "y": top, "width": wide, "height": high}
        at = {"x": f"{box.area[0] + size / 4:g}", "y": f"{box.area[1] + size:g}", "font_size": f"{size:g}"}
        title = tag("title", f"{number}: {label_of(box.outcome)}")
        area = (tag("rect", class_="rim", **sides), tag("rect", **sides))
        label = tag("text", str(number), **at)
        drawn.append(tag("g", *area, label, title, class_=f"box {style_of(plan, box.outcome)}"))
    return tag("svg", *drawn, viewBox=f"0 0 {width} {height}", role="img", aria_label=f"{len(drawn)} boxes")


def _caption(parts: Sequence[Segment]) -> Html:
    marked = (tag(_MARKS[part.kind], part.text) if part.kind in _MARKS else part.text for part in parts)
    return tag("bdi", *marked)


def _listed(plan: Plan, pair: ImagePair) -> list[Html]:
    if not pair.boxes:
        return []
    names = list(dict.fromkeys(name for box in pair.boxes for name in box.values))
    rows = [
        [
            str(number),
            _key(style_of(plan, box.outcome), box.outcome.kind),
            joined([box.outcome.operator, " ", quoted_text(box.outcome.reason)]),
            *(compact(box.values[name]) if name in box.values else "" for name in names),
        ]
        for number, box in enumerate(pair.boxes, 1)
    ]
    head = ("box", "outcome", "why", *names)
    return [tag("details", tag("summary", f"{len(pair.boxes):,} boxes"), table(head, rows, numbers_from=3))]
