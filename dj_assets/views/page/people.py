"""People in clips: a contact sheet of each clip with ribbons on one time axis, and the number of clips of each kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dj_assets.analysis.people import ClipOfPeople, PeopleOfRun
from dj_assets.media.marked_frames import Moments
from dj_assets.views.page.html import Html, joined, quoted_text, tag
from dj_assets.views.page.report_input import ReportInput, Section
from dj_assets.views.pair_pictures import data_url

_CLIPS, _FRAMES, _EDGE = 6, 6, 200
_ABOUT = (
    "Kept clips with their people. A bar shows when a face is seen, on the time of the clip; it has another colour "
    "while the person speaks. The tag of the sound and the words belong to the whole clip."
)


def people(report_input: ReportInput) -> Section | None:
    """Return the people of the kept clips; None for a recipe that does not track people."""
    run = PeopleOfRun(report_input.plan, report_input.layout, report_input.manifest)
    if not run.has_people or not run.clips:
        return None
    sheets = [shown_clip(run, clip) for clip in run.examples(_CLIPS)]
    return Section("people", "People in clips", _ABOUT, joined([_balance(run.balance()), LEGEND, *sheets]))


def shown_clip(run: PeopleOfRun, clip: ClipOfPeople) -> Html:
    """Return the sheet of a clip with frames of it."""
    return clip_sheet(clip, run.frames(clip, _FRAMES, _EDGE))


def clip_sheet(clip: ClipOfPeople, moments: Moments | None) -> Html:
    """Return frames and ribbons of a clip; without frames, the ribbons alone."""
    last = max(moments.seconds) if moments else 0.0
    end = max(clip.end, last) or 1.0
    name = tag("p", tag("b", quoted_text(clip.sample)), f", clip {clip.clip}: {clip.counted}", class_="about")
    strip = _strip(moments) if moments else tag("p", "The clip cannot be opened.", class_="about")
    return tag("div", name, tag("div", strip, class_="frames"), _ribbons(clip, end), class_="sheet")


def spoken(clip: ClipOfPeople) -> str:
    """Return the ribbons of a clip as a sentence."""
    parts = []
    for number, (start, end) in enumerate(clip.about.spans, 1):
        spoken = " and".join(f" from {first:.1f} to {last:.1f} s" for first, last in clip.spoken(number))
        parts.append(f"person {number} from {start:.1f} to {end:.1f} s{f', speaks{spoken}' if spoken else ''}")
    return f"{'; '.join(parts) or 'no track'}; sound: {clip.about.tag or 'no tag'}; words: {clip.about.words or 'none'}"


def _key(style: str, label: str) -> Html:
    return tag("span", tag("i", class_=f"key {style}"), label)


LEGEND = tag("div", _key("seen", "is seen"), _key("speaks", "is seen, and speaks"), class_="legend")


def _strip(moments: Moments) -> Html:
    picture = np.concatenate(list(moments.pixels), axis=1)
    seconds = ", ".join(f"{second:g}" for second in moments.seconds)
    return tag("img", src=data_url(picture), alt=f"frames at the seconds {seconds}", class_="strip")


def _ribbons(clip: ClipOfPeople, end: float) -> Html:
    rows = [
        _ribbon(
            f"person {number}",
            joined([_piece("seen", span, end), *(_piece("speaks", spoken, end) for spoken in clip.spoken(number))]),
        )
        for number, span in enumerate(clip.about.spans, 1)
    ]
    rows += [_ribbon("sound", quoted_text(clip.about.tag or "no tag"), "whole")]
    rows += [_ribbon("words", quoted_text(clip.about.words or "none"), "whole")]
    axis = _ribbon("seconds", joined([tag("span", "0"), tag("span", f"{end:.1f}")]), "axis")
    return tag("div", *rows, axis, class_="ribbons", role="img", aria_label=spoken(clip))


def _piece(style: str, span: tuple[float, float], end: float) -> Html:
    start, until = span
    return tag("i", class_=style, style=f"left:{100 * start / end:.2f}%;width:{100 * (until - start) / end:.2f}%")


def _ribbon(label: str, content: str, style: str = "") -> Html:
    return joined([tag("span", label), tag("div", content, class_=style)])


def _balance(balance: Mapping[str, Mapping[str, int]]) -> Html:
    groups = [tag("div", tag("h3", f"Clips by {name}"), _bars(counts)) for name, counts in balance.items()]
    return tag("div", *groups, class_="balances")


def _bars(counts: Mapping[str, int]) -> Html:
    """Return a bar for every kind with a clip; the number of the others is the last line."""
    most = max(counts.values(), default=0) or 1
    rows = [
        joined(
            [
                tag("span", quoted_text(name)),
                tag("div", tag("i", class_="seen", style=f"width:{100 * count / most:.1f}%")),
                tag("span", f"{count:,}", class_="n"),
            ]
        )
        for name, count in counts.items()
        if count
    ]
    absent = sum(not count for count in counts.values())
    note = tag("p", f"{absent} more without a clip", class_="about") if absent else ""
    return joined([tag("div", *rows, class_="bars"), note])
