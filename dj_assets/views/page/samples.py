"""Example samples: dropped, duplicate, quarantined."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from dj_assets.analysis.differences import Change
from dj_assets.analysis.duplicate_pairs import DuplicatePair, duplicate_pairs
from dj_assets.analysis.examples import Example, dropped_examples
from dj_assets.analysis.figures import compact
from dj_assets.publish.database import reading
from dj_assets.views.page.html import Html, joined, quoted_text, table, tag
from dj_assets.views.page.report_input import ReportInput, Section

_PER_OPERATOR, _PAIRS, _EXCERPT = 3, 4, 260


def dropped(report_input: ReportInput) -> Section:
    """Return a few dropped samples of every operator, from the least to the greatest judged value."""
    dropped_samples = dropped_examples(
        report_input.database, report_input.layout, report_input.plan, _PER_OPERATOR, _EXCERPT
    )
    left = [example for example in dropped_samples if not example.quarantined and example.distance is None]
    body = joined(
        _operator(operator, list(examples)) for operator, examples in groupby(left, lambda example: example.operator)
    )
    about = "Examples of every operator, spread evenly over its dropped samples; the texts are those after all mappers."
    return Section("dropped", "Dropped samples", about if left else "Nothing was dropped.", body)


def _operator(operator: str, examples: list[Example]) -> Html:
    rows = [[_name(example.id), _why(example), quoted_text(example.excerpt)] for example in examples]
    head = ("sample", "why", "text")
    return tag("details", tag("summary", operator), table(head, rows), open="open")


def _name(name: str) -> Html:
    return tag("span", quoted_text(name), class_="id")


def _why(example: Example) -> Html:
    value = [] if example.value is None else [tag("b", compact(example.value)), " "]
    return joined([*value, quoted_text(example.reason)])


def duplicates(report_input: ReportInput) -> Section:
    """Return dropped duplicates with their kept duplicates and marked differences."""
    pairs = duplicate_pairs(report_input.database, report_input.layout, _PAIRS)
    if not pairs:
        return Section("duplicates", "Duplicates", "No duplicate was dropped.", "")
    about = "Pairs of each deduplicator, the most different first; differences are marked."
    return Section("duplicates", "Duplicates", about, joined(_pair(pair) for pair in pairs))


def _pair(pair: DuplicatePair) -> Html:
    apart = "" if pair.distance is None else f" · distance {compact(pair.distance)}"
    stays = "is kept" if pair.against is None else f"is in {pair.against}"
    head = [_name(pair.id), " was dropped, ", _name(pair.kept_id), f" {stays}"]
    about = f"{pair.operator} · {pair.cluster_size:,} samples in the cluster{apart}"
    text = tag("p", quoted_text(f"{pair.beginning}…"), class_="beginning")
    return tag("div", tag("p", *head), tag("p", about, class_="about"), text, *_differences(pair), class_="pair")


def _differences(pair: DuplicatePair) -> list[Html]:
    if pair.same:
        return [tag("p", "Both texts are the same.", class_="about")]
    lines = [tag("p", _change(change), class_="change") for change in pair.changes.shown]
    if pair.changes.more:
        lines.append(tag("p", f"… and {pair.changes.more:,} more places", class_="about"))
    if pair.changes.beyond:
        lines.append(tag("p", "The beginnings are the same; they differ further on.", class_="about"))
    return lines


def _change(change: Change) -> Html:
    marked = [tag(name, text) for name, text in (("del", change.removed), ("ins", change.added)) if text]
    return tag("bdi", "…", change.before, *marked, change.after, "…")


def quarantine(report_input: ReportInput) -> Section:
    """Return the samples that could not be processed: counts by operator and error, the most frequent first."""
    query = """
        SELECT operator, error, count(*), min(id) FROM quarantine GROUP BY operator, error
        ORDER BY count(*) DESC, operator, error LIMIT 30
    """
    with reading(report_input.database) as connection:
        failures = connection.execute(query).fetchall()
    about = "Samples that could not be processed, by operator and error." if failures else "Every sample was processed."
    body = table(("operator", "error", "for example", "samples"), _rows(failures), numbers_from=3) if failures else ""
    return Section("quarantine", "Quarantine", about, body)


def _rows(failures: Iterable[tuple[str, str, int, str]]) -> list[list[str]]:
    return [
        [operator, quoted_text(error), _name(name or ""), f"{count:,}"] for operator, error, count, name in failures
    ]
