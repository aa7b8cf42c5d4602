"""`docs/operators.md` and `docs/recipe.schema.json`, made from the operator classes: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dj_assets import settings
from dj_assets.home.writing import replace_atomically
from dj_assets.recipe import known_keys
from dj_assets.reference.operator_tables import (
    KINDS,
    MeasuredStatistic,
    OperatorFacts,
    operator_facts,
    shipped_operators,
)
from dj_assets.reference.recipe_schema import recipe_schema


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


_HEAD = """\
# Operators

Made from the classes by `make docs`; a test fails when this page is older than they are.

An operator is one entry of a recipe's `process` list. A **mapper** rewrites text, a **filter** measures a statistic and
judges it, a **deduplicator** signs samples and keeps the first of each cluster of near signatures. Names and parameters
are those of Data-Juicer; where results differ is told in [compatibility.md](compatibility.md).

A parameter is **measured** when a new value changes what is stored about samples: text, statistics or signatures are
then computed anew. It is **judged** when a new value only replays the recipe over what is stored.

Every operator takes `text_key`, the field it works on (default: the recipe's `text_keys`; measured). Every filter takes
the switches `min_closed_interval` and `max_closed_interval` (default true: a value equal to the bound is inside) and
`reversed_range` (default false: values inside are kept). All three are judged. Reversed, the closed flags turn too:
with the defaults a value equal to a bound is kept.

Models are found as `dj-assets models list` shows them and fetched by `dj-assets models pull NAME`; `{lang}` stands for
the parameter `lang`.
"""


_WITHOUT_EFFECT = f"""\
## Keys without effect

Accepted so that recipes of Data-Juicer load unchanged; a run names those it meets in one notice. Keys of a recipe:
{_names(known_keys.IGNORED)}.

Keys of an operator: {_names(known_keys.OPERATOR_IGNORED)}.
"""


def render_operators(facts: Sequence[OperatorFacts]) -> str:
    """Return the page: an index, then every operator by kind, then those of Data-Juicer that are not here."""
    parts = [_HEAD]
    for kind in KINDS:
        chosen = [one for one in facts if one.kind == kind]
        rows = [{"operator": f"[`{one.name}`](#{one.name})", "does": one.sentence} for one in chosen]
        parts += [f"## {kind.capitalize()}s", table(rows), *(_section(one) for one in chosen)]
    return "\n\n".join(part.strip() for part in [*parts, _missing(facts), _WITHOUT_EFFECT]) + "\n"


def write_operator_docs(folder: Path) -> None:
    """Write both files."""
    pages = {
        "operators.md": render_operators([operator_facts(cls) for cls in shipped_operators()]),
        "recipe.schema.json": json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in pages.items():
        with replace_atomically(folder / name) as temporary:
            temporary.write_text(text, "utf-8")


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a Markdown table; cells may hold code, so only what ends a cell is escaped."""
    head = list(rows[0])
    cells = [[row[name].replace("|", "\\|") for name in head] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *cells])


def _section(facts: OperatorFacts) -> str:
    parts = [f"### {facts.name}", facts.details]
    others = [alias for alias, name in known_keys.ALIASES.items() if name == facts.name]
    parts += [f"Also known as {_names(others)}."] if others else []
    rows = [
        {
            "parameter": f"`{parameter.name}`",
            "type": parameter.type,
            "default": parameter.default,
            "": "measured" if parameter.measured else "judged",
        }
        for parameter in facts.parameters
    ]
    parts += [table(rows)] if rows else ["No parameters of its own."]
    parts += [f"Statistic: {_listed(facts.statistics)}."] if facts.statistics else []
    parts += [f"Model: {_listed(facts.models)}."] if facts.models else []
    return "\n\n".join(parts)


def _listed(entries: Sequence[MeasuredStatistic]) -> str:
    return "; ".join(
        f"`{entry.name}`"
        + (f" ({entry.about})" if entry.about else "")
        + (f", with `{entry.where}`" if entry.where else "")
        for entry in entries
    )


def _missing(facts: Sequence[OperatorFacts]) -> str:
    here = {one.name for one in facts}
    missing = {name for name in known_keys.DATA_JUICER_OPERATORS - here if known_keys.ALIASES.get(name) not in here}
    return f"""\
## Not here yet

A recipe that names one of these operators of Data-Juicer is told so when it loads:
{_names(missing)}.
"""


if __name__ == "__main__":
    write_operator_docs(settings.project_root() / "docs")
