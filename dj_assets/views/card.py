"""The dataset card: a description of the refined data and their source, as Markdown that data hubs read."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from dj_assets.analysis.figures import rate
from dj_assets.views.funnel import funnel_rows, reference_line
from dj_assets.views.markdown import table_markdown
from dj_assets.views.page.provenance import recipe_yaml
from dj_assets.views.page.report_input import ReportInput
from dj_assets.views.visible import visible

# Data hubs accept this as the identifier of a licence; any other text is a sentence about it.
_IDENTIFIER = re.compile(r"[a-z0-9]+([-.][a-z0-9]+)*")
_SIGNS = re.compile(r"[\\`*\[\]<>#|~$&]")
# The size classes of Hugging Face's cards.
_SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M"))
_MOST_FILES = 100


def dataset_card(report_input: ReportInput) -> str:
    """Return the card of a run: front matter, counts, funnel, provenance, models, recipe."""
    manifest = report_input.manifest
    recipe = report_input.recipe
    parts = [
        f"---\n{yaml.safe_dump(_front_matter(report_input), sort_keys=False, allow_unicode=True)}---",
        f"# {_plain(manifest.name)}",
        _plain(recipe.description),
        _counts(report_input),
        "## Licence",
        _plain(recipe.licence) if recipe.licence else _NO_LICENCE,
        "## Refinement steps",
        table_markdown(funnel_rows(manifest.funnel, manifest.samples_in)),
        "## Source",
        _sources(report_input),
        "## Models",
        _models(report_input),
        "## Recipe",
        f"```yaml\n{_recipe(report_input)}\n```",
        f"Made by dj_assets {manifest.versions['dj_assets']}, run `{manifest.run_id}`, {manifest.finished}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_of_remark(remark: str) -> str:
    """Return a card that holds a remark alone."""
    return f"{_plain(remark)}\n"


_NO_LICENCE = "Not stated: set `licence` in the `asset` block of the recipe to the licence of the source."


def _front_matter(report_input: ReportInput) -> dict[str, object]:
    manifest = report_input.manifest
    licence = report_input.recipe.licence
    known = bool(_IDENTIFIER.fullmatch(licence))
    size = next((name for most, name in _SIZES if manifest.samples_out < most), "n>10M")
    return {
        "pretty_name": manifest.name,
        **({"license": licence if known else "other"} if licence else {}),
        **({"license_name": licence} if licence and not known else {}),
        "size_categories": [size],
        "tags": ["data-juicer", "dj_assets"],
    }


def _counts(report_input: ReportInput) -> str:
    manifest, check_input = report_input.manifest, report_input.check_input
    counts = {
        "samples in": manifest.samples_in,
        "samples out": manifest.samples_out,
        "dropped": manifest.dropped,
        "quarantined": manifest.quarantined,
    }
    named = {"created": "created from others", "expanded": "replaced by others", "grouped": "members of others"}
    counts |= {named[name]: count for name, count in manifest.made.items()}
    rows: list[dict[str, str | int | float | None]] = [
        {"": name, "samples": samples} for name, samples in counts.items()
    ]
    lines = [f"{rate(manifest.retention)} of the samples are kept."]
    if check_input.reference:
        lines.append(f"The gallery: {reference_line(report_input.recipe, manifest)}.")
    return f"{' '.join(lines)}\n\n{table_markdown(rows)}"


def _sources(report_input: ReportInput) -> str:
    shards = report_input.manifest.sources
    rows: list[dict[str, str | int | float | None]] = [
        {"file": _plain(shard.name), "sha256": shard.sha256, "samples": shard.records} for shard in shards[:_MOST_FILES]
    ]
    more = f"\n\n… and {len(shards) - _MOST_FILES:,} more files" if len(shards) > _MOST_FILES else ""
    return table_markdown(rows, limit_bytes=64_000) + more


def _models(report_input: ReportInput) -> str:
    used = report_input.manifest.models
    lines = [f"- {_plain(model.name)}, sha256 `{model.sha256}`{_note(model.note)}" for model in used]
    return "\n".join(lines) or "None."


def _note(note: str) -> str:
    return f": {_plain(note)}" if note else ""


def _recipe(report_input: ReportInput) -> str:
    file = Path(report_input.manifest.recipe)
    text = file.read_text("utf-8", errors="replace") if file.is_file() else recipe_yaml(report_input.manifest)
    # a code fence within the recipe would end the block
    return text.rstrip().replace("```", "'''")


def _plain(text: str) -> str:
    """Return text escaped so that Markdown shows it unchanged."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(visible(text).split()))
