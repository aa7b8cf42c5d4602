"""Generate `docs/operators.md` and `docs/recipe.schema.json` from the operator classes: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from dj_assets import settings
from dj_assets.home.writing import replace_atomically
from dj_assets.operators import registry
from dj_assets.recipe import composites, data_juicer, known_keys, regrouping
from dj_assets.recipe.data_juicer import DataJuicerOperator
from dj_assets.recipe.parameters import of_data_juicer_only
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

`make docs` generates this page from the operator classes. A test fails if the page is out of date.

An operator is one entry of the `process` list of a recipe. A **mapper** rewrites text. A **field mapper** writes fields
of samples in addition to the text, such as tags or extracted values. A **filter** measures a statistic and judges it. A
**selector** keeps some of all samples that are left, by rank, share or frequency. An **expander** makes several samples
from one. A **grouper** forms groups of the samples that are left, and the **aggregator** after it makes one sample of
each group. A **deduplicator** computes signatures of samples and keeps the first sample of each cluster of equal or
near signatures. Names and parameters are those of Data-Juicer. [compatibility.md](compatibility.md) lists the
differences in results.

A parameter is **measured** if a new value changes the stored data of samples: text, fields, statistics or signatures
are then computed again. A parameter is **judged** if a new value only replays the recipe over the stored data.

Every operator has the parameter `text_key`, the field it works on (default: the recipe's `text_keys`; measured). Every
operator over images has `image_key` and `image_bytes_key`, every one over clips `video_key`, and every one over sounds
`audio_key`: the fields that list its media (default: the recipe's keys; measured). Every filter has three judged
switches: `min_closed_interval` and `max_closed_interval` (default true: a value equal to the bound is inside) and
`reversed_range` (default false: values inside are kept). `reversed_range` reverses the closed flags, too: with the
defaults a value equal to a bound is kept.

`dj-assets models list` shows all models and where they are found, `dj-assets models pull NAME` downloads one. `{lang}`
in the name of a model stands for the parameter `lang`.
"""


def render_operators(facts: Sequence[OperatorFacts]) -> str:
    """Return the page: an index and the operators of each kind, then the table of those of Data-Juicer."""
    parts = [_HEAD]
    for kind in KINDS:
        chosen = [operator for operator in facts if operator.kind == kind]
        rows = [
            {"operator": f"[`{operator.name}`](#{operator.name.lower()})", "purpose": operator.sentence}
            for operator in chosen
        ]
        parts += [f"## {kind.capitalize()}s", table(rows), *(_section(operator) for operator in chosen)]
    return "\n\n".join(part.strip() for part in [*parts, _of_data_juicer(facts), _without_effect()]) + "\n"


def write_operator_docs(folder: Path) -> None:
    """Write `operators.md` and `recipe.schema.json` into a folder."""
    pages = {
        "operators.md": render_operators([operator_facts(cls) for cls in shipped_operators()]),
        "recipe.schema.json": json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in pages.items():
        with replace_atomically(folder / name) as temporary:
            temporary.write_text(text, "utf-8")


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a Markdown table. Cells may contain code, so only `|` is escaped."""
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
            "kind": "measured" if parameter.measured else "judged",
        }
        for parameter in facts.parameters
    ]
    parts += [table(rows)] if rows else ["No parameters of its own."]
    parts += [f"Statistic: {_listed(facts.statistics)}."] if facts.statistics else []
    parts += [f"Field: {_listed(facts.fields)}."] if facts.fields else []
    parts += [f"Model: {_listed(facts.models)}."] if facts.models else []
    return "\n\n".join(parts)


def _listed(entries: Sequence[MeasuredStatistic]) -> str:
    return "; ".join(
        f"`{entry.name}`"
        + (f" ({entry.about})" if entry.about else "")
        + (f", with `{entry.where}`" if entry.where else "")
        for entry in entries
    )


def _of_data_juicer(facts: Sequence[OperatorFacts]) -> str:
    """Return the table of all operators of Data-Juicer: available or not, and why not."""
    here = {operator.name for operator in facts}
    rows = [
        {"operator": f"`{name}`", "kind": operator.kind, "available": _available(name, operator, here)}
        for name, operator in data_juicer.operators().items()
    ]
    available = sum(row["available"].startswith("yes") for row in rows)
    return f"""\
## Operators of Data-Juicer

Data-Juicer 1.6.1 has {len(rows)} operators; {available} of them are available. A recipe with another one is an error
when it loads.

{table(rows)}
"""


def _available(name: str, operator: DataJuicerOperator, here: Collection[str]) -> str:
    own = known_keys.ALIASES.get(name, name)
    if name in composites.NAMES:
        parts = dict.fromkeys(step for step, _ in composites.steps_of(name, {})[0])
        return f"yes, as the steps {', '.join(f'`{step}`' for step in parts)}"
    if name == regrouping.NAME:
        return "yes: the members of the group are as before, so it and the steps from the grouper on are left out"
    if own in here:
        return "yes" if own == name else f"yes, as `{own}`"
    if operator.never:
        return f"no: {operator.why}; {operator.fix}"
    return f"not yet: {operator.why}" + (f"; {operator.fix}" if operator.fix else "")


def _single() -> list[str]:
    """Return the parameters without effect of single operators, in words."""
    found: dict[str, set[str]] = {name: set(keys) for name, keys in known_keys.DEAD_PARAMETERS.items()}
    for name in data_juicer.operators():
        cls = registry.find(known_keys.ALIASES.get(name, name))
        keys = of_data_juicer_only(name, cls) - known_keys.OPERATOR_IGNORED if cls else set()
        found |= {name: found.get(name, set()) | keys} if keys else {}
    return [f"{_names(found[name])} of `{name}`" for name in sorted(found)]


def _without_effect() -> str:
    return f"""\
## Keys without effect

These keys are accepted so that recipes of Data-Juicer load unchanged. A run lists the ones in its recipe in one notice.

Keys of a recipe: {_names(known_keys.IGNORED)}.

Keys of an operator, unless it has a parameter of this name: {_names(known_keys.OPERATOR_IGNORED)}.

Parameters of single operators: {"; ".join(_single())}.
"""


if __name__ == "__main__":
    write_operator_docs(settings.project_root() / "docs")
