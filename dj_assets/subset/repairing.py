"""Repair a finished run: damaged tables and copies are made again from its undamaged files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dj_assets.errors import DamagedError, UserError
from dj_assets.home.damage import Sum
from dj_assets.home.json_files import write_json
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import MEASURE_AGAIN, measured_files, newest_run, require_measured, stored_manifest
from dj_assets.home.run_manifest import RunManifest, record_checksums
from dj_assets.home.writing import replace_atomically
from dj_assets.publish.database import export_table, require_database
from dj_assets.publish.flat import join_parquet
from dj_assets.publish.release import Accompany
from dj_assets.stores.copies import at_hand
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.rebuilding import copy_to_output, plan_of, rebuild
from dj_assets.subset.verifying import Verified, verify

_TABLES = ("stats", "dropped", "quarantine")


@dataclass(frozen=True)
class Repaired:
    """Hold the files that were made again, and the result of a comparison after that."""

    made: tuple[Path, ...]
    verified: Verified


def repair(layout: Layout, manifest: RunManifest, write_report: Accompany) -> Repaired:
    """Verify a finished run and make again what can be made without its source files.

    These are `stats.duckdb`, the flat files and tables, `funnel.json`, `run.json`, and with `write_report` the report
    and the dataset card. A damaged contact sheet is removed: the next run publishes it again, as it does with measured
    and refined files.

    Raises
    ------
    UserError
        If a run is at work in that folder.
    """
    before = verify(layout, manifest)
    if not before.damaged:
        return Repaired((), before)
    copy = layout.published / "run.json"
    made = [copy] if any(line.startswith(f"{copy}: ") for line in before.damaged) else []
    if not _is_sound(layout.database, manifest.database):
        # where measured files are damaged, too, the next run makes all of them again
        with suppress(UserError):
            made.append(rebuild(layout, manifest).database)
    current = newest_run(layout) or manifest
    with whole_subset(layout):
        made += _copies(layout, current, write_report)
    return Repaired(tuple(made), verify(layout, newest_run(layout) or current))


def _copies(layout: Layout, manifest: RunManifest, write_report: Accompany) -> list[Path]:
    """Make damaged tables, report and copies again; return those that are whole now."""
    checksums = dict(manifest.checksums)
    texts = {path.name for path in (layout.report, layout.card)} & checksums.keys()
    damaged = {name for name, written in checksums.items() if not _is_sound(layout.published / name, written)}
    made = []
    # the report and the card are written together
    for name in sorted(damaged | texts if damaged & texts else damaged):
        path = layout.published / name
        if layout.copy is not None:
            # a file that is damaged in the store is not uploaded again while it has the same size
            layout.copy.remove_data(path)
        try:
            _make(layout, manifest, path, write_report)
        except UserError:
            continue
        if path.exists():
            checksums[name] = Sum.of(path)
            made.append(path)
    if made:
        record_checksums(layout.runs / f"{manifest.run_id}.json", checksums)
    copy_to_output(layout, manifest.run_id)
    return made


def _make(layout: Layout, manifest: RunManifest, path: Path, write_report: Accompany) -> None:
    """Make one published file again, or remove it if only a run can make it.

    Raises
    ------
    UserError
        If a file that it is made from is damaged.
    """
    by_file = path.parent != layout.published
    kind = path.parent.name if by_file else path.stem
    if path.name == "funnel.json":
        write_json(path, [step.as_json() for step in manifest.funnel])
    elif kind == "cleaned":
        _join_cleaned(layout, manifest, path)
    elif kind in _TABLES or path in {layout.report, layout.card}:
        require_database(layout, manifest)
        if kind not in _TABLES:
            write_report(layout.published, manifest, plan_of(manifest), layout)
            return
        with replace_atomically(path) as temporary:
            export_table(layout.database, kind, temporary, int(path.stem) if by_file else None)
    else:
        path.unlink(missing_ok=True)


def _join_cleaned(layout: Layout, manifest: RunManifest, path: Path) -> None:
    stored = [stored_manifest(layout, file.number) for file in manifest.files]
    files = [file for file in stored if file is not None]
    if len(files) < len(stored):
        raise DamagedError(f"{layout.location}: a source file is not measured; {MEASURE_AGAIN}")
    require_measured(layout, files, ("cleaned",))
    with replace_atomically(path) as temporary:
        join_parquet(measured_files(layout, "cleaned", files), temporary)


def _is_sound(path: Path, written: Sum) -> bool:
    try:
        return written.is_of(at_hand(path))
    except DamagedError:
        # gone from the store
        return False
