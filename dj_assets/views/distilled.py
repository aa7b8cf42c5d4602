"""A distilled classifier for the terminal: its error, its judgements, and the lines of a recipe that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dj_assets.analysis.distill import LABEL, Distilled, Judged
from dj_assets.analysis.figures import compact, percent

if TYPE_CHECKING:
    from rich.console import Group

_COLUMNS = ("bounds", "kept\nprecision", "\nrecall", "dropped\nprecision", "\nrecall", "agreement", "kappa")


def render_distilled(distilled: Distilled) -> Group:
    """Return the error on held-out samples and the lines for a recipe."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    table.add_column("judged by", overflow="fold")
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_row("the bounds of the recipe", *_cells(distilled.same_bounds))
    table.add_row("bounds that keep as many", *_cells(distilled.fitted))
    lines = [*_about(distilled), ""]
    always = f"always the more frequent judgement: agreement {percent(distilled.usual_share, 1)}"
    after = ["", always, *_speed(distilled), "", f"model: {distilled.model.absolute()}", "in a recipe:"]
    return Group(*map(Text, lines), table, *map(Text, after), Text(recipe_lines(distilled)))


def recipe_lines(distilled: Distilled) -> str:
    """Return the step of a recipe that uses the classifier with the fitted bounds, as YAML."""
    import yaml

    fitted = distilled.fitted
    bounds = {"min_score": fitted.low if fitted.low is not None else 0.0, "max_score": fitted.high}
    given = {"model": str(distilled.model.absolute()), "label": LABEL}
    parameters = {**given, **{name: value for name, value in bounds.items() if value is not None}}
    return yaml.safe_dump([{"fasttext_score_filter": parameters}], sort_keys=False, allow_unicode=True).rstrip()


def _about(distilled: Distilled) -> list[str]:
    scored = distilled.scored
    return [
        f"{scored.subset}: {scored.operator}, {len(scored.scores):,} scores, {scored.without:,} samples without one",
        f"taught with {distilled.taught:,}, tested with {distilled.held_out:,} others (seed {distilled.seed})",
        f"mean absolute error of the score {distilled.error:.3f}; of always the mean {distilled.error_of_mean:.3f}",
    ]


def _speed(distilled: Distilled) -> list[str]:
    speed = f"{distilled.texts_a_second:,.0f} texts a second on one core"
    seconds = distilled.scored.seconds
    return [speed if seconds is None else f"{speed}; a call of the model took {seconds:.3g} s"]


def _cells(judged: Judged) -> list[str]:
    agreement, kappa = judged.agreement, judged.agreement.kappa
    shares = (judged.precision, judged.recall, judged.dropped_precision, judged.dropped_recall, agreement.share)
    bounds = " … ".join("" if bound is None else compact(bound) for bound in (judged.low, judged.high))
    figures = ["–" if share is None else percent(share, 1) for share in shares]
    return [bounds.strip(), *figures, "–" if kappa is None else f"{kappa:.2f}"]
