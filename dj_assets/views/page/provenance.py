"""The provenance sections: source files, recipe, models, versions, and the time and memory of the run."""

from __future__ import annotations

from pathlib import Path

import yaml

from dj_assets.analysis.figures import compact
from dj_assets.home.run_manifest import MeasuredFile, RunManifest
from dj_assets.views.page.html import Html, joined, quoted_text, table, tag
from dj_assets.views.page.report_input import ReportInput, Section

# A page with thousands of rows is not readable; the manifest has all shards.
_MOST_FILES = 200


def sources(report_input: ReportInput) -> Section:
    """Return the source files with their checksums, and the number of samples kept of each."""
    manifest = report_input.manifest
    kept = {part.number: part.samples for part in manifest.refined}
    shards = manifest.sources
    rows = [_source(shard, kept.get(shard.number, 0)) for shard in shards[:_MOST_FILES]]
    more = [tag("p", f"… and {len(shards) - _MOST_FILES:,} more", class_="about")] if len(shards) > _MOST_FILES else []
    total = sum(shard.size for shard in shards)
    about = f"{len(shards):,} {'file' if len(shards) == 1 else 'files'}, {_bytes(total)}."
    head = ("file", "sha256", "size", "samples", "kept")
    notices = [tag("p", quoted_text(notice)) for notice in manifest.notices]
    body = joined([*notices, table(head, rows, numbers_from=2), *more, *_against(manifest)])
    return Section("sources", "Source files", about, body)


def _source(shard: MeasuredFile, kept: int) -> list[str]:
    counts = f"{shard.records:,}", f"{kept:,}"
    others = f" and {len(shard.members) - 1:,} more" if shard.members else ""
    return [joined([_path(shard.path), others]), _checksum(shard.sha256), _bytes(shard.size), *counts]


def _against(manifest: RunManifest) -> list[Html]:
    reference = manifest.against
    if reference is None:
        return []
    rows = [[_path(file.path), _checksum(file.sha256), f"{file.records:,}"] for file in reference.files[:_MOST_FILES]]
    title = f"Deduplicated against {reference.samples:,} samples; {reference.dropped:,} were dropped for it."
    return [tag("p", title, class_="about"), table(("file", "sha256", "samples"), rows, numbers_from=2)]


def models(report_input: ReportInput) -> Section:
    """Return every model that scored a sample, with its checksum."""
    used = report_input.manifest.models
    rows = [[tag("b", model.name), _checksum(model.sha256), model.note] for model in used]
    about = "What scored the samples, by the checksums of the files." if used else "No model was used."
    return Section("models", "Models", about, table(("model", "sha256", "note"), rows) if used else "")


def recipe(report_input: ReportInput) -> Section:
    """Return the recipe that was run, and the path of its file."""
    manifest = report_input.manifest
    file = Path(manifest.recipe)
    text = file.read_text("utf-8", errors="replace") if file.is_file() else recipe_yaml(manifest)
    body = tag("pre", tag("code", text.rstrip()))
    about = f"The thresholds are in {file}." if file.is_file() else "The recipe was given in Python; this is its YAML."
    return Section("recipe", "Recipe", about, body)


def recipe_yaml(manifest: RunManifest) -> str:
    """Return the operators of a run as the YAML of a recipe that runs them again."""
    return yaml.safe_dump(manifest.recipe_content(), sort_keys=False, allow_unicode=True)


def run(report_input: ReportInput) -> Section:
    """Return the identity of the run, its time and memory, and the versions of its libraries."""
    manifest = report_input.manifest
    seconds = manifest.seconds
    machines, memory = ", ".join(manifest.nodes), f"{manifest.peak_rss_mb:,.0f} MB"
    hashes = (
        ("statistics", manifest.stats_hash),
        ("recipe", manifest.refined_hash),
        ("result", manifest.result_key),
    )
    rows = [
        ["run", manifest.run_id],
        ["finished", manifest.finished],
        ["stages", ", ".join(f"{stage} {compact(value)} s" for stage, value in seconds.items()) or "–"],
        ["slowest operators", _slowest(manifest)],
        ["workers", f"{manifest.workers} on {machines}, peak memory {memory}"],
        ["versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())],
        ["identity", ", ".join(f"{what} {digest}" for what, digest in hashes)],
    ]
    return Section("run", "Run", "Seconds of operators are measuring time, summed over workers.", table(("", ""), rows))


def _slowest(manifest: RunManifest) -> str:
    steps = sorted(manifest.funnel, key=lambda step: -step.seconds)[:5]
    return ", ".join(f"{step.operator} {compact(step.seconds)} s" for step in steps) or "–"


def _path(path: str) -> Html:
    return tag("span", quoted_text(path), class_="id")


def _checksum(checksum: str) -> Html:
    return tag("span", checksum, class_="sum")


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{compact(size)} {unit}"
        size /= 1000
    return ""
