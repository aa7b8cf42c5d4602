"""Exports as tables of Lance, Delta and Iceberg, read back by their own libraries."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import dj_assets
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.home.layout import Layout
from dj_assets.publish.export import table_versions as module
from dj_assets.publish.export.portable_types import portable, portable_schema
from dj_assets.publish.export.table_versions import NAMESPACE, ExportedVersion, TableExport
from tests.documents import write_jsonl
from tests.publish.export.refined import PROCESS, refined_samples, run_texts

for library in ("lance", "deltalake", "pyiceberg"):
    pytest.importorskip(library)

FORMATS = sorted(module.VERSION_FORMATS)

# Exports in a process of its own, which is killed after the first rows.
KILLED = """
import os, signal, sys
from dj_assets.home.layout import Layout
from dj_assets.publish.export import table_versions as module

class Rows(module._Rows):
    def _counted(self, batch):
        if self.samples:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._counted(batch)

module._Rows, module._BATCH_BYTES = Rows, 8_000
module.TableExport(Layout.output(module.Path(sys.argv[1])), module.Path(sys.argv[2]), sys.argv[3], 10**6).run()
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return run_texts(tmp_path_factory.mktemp("refined"), 200)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    return run_texts(tmp_path_factory.mktemp("other"), 30, seed=9)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", 8_000)


def export(out: Path, folder: Path, format: Any, *, overwrite: bool = False) -> ExportedVersion:
    return TableExport(Layout.output(out), folder, format, 10**6).run(overwrite=overwrite)


def versions(folder: Path, format: str) -> list[dict[str, str]]:
    """Return what every version of a table that holds rows says about its run, oldest first."""
    if format == "lance":
        import lance

        table = lance.dataset(folder)
        numbers = sorted(version["version"] for version in table.versions())
        return [dict(table.read_transaction(number).transaction_properties) for number in numbers]
    if format == "delta":
        from deltalake import DeltaTable

        return [dict(entry) for entry in reversed(DeltaTable(folder).history())]
    return [
        dict(s.summary.additional_properties)
        for s in iceberg(folder).snapshots()
        if s.summary.operation.value == "append"
    ]


def iceberg(folder: Path):
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog(NAMESPACE, uri=f"sqlite:///{folder / module.CATALOG}", warehouse=f"file://{folder}")
    (name,) = catalog.list_tables(NAMESPACE)
    return catalog.load_table(name)


def read(folder: Path, format: str) -> pa.Table:
    if format == "lance":
        import lance

        return lance.dataset(folder).to_table()
    if format == "delta":
        from deltalake import DeltaTable

        return pa.table(DeltaTable(folder).to_pyarrow_dataset().to_table())
    return iceberg(folder).scan().to_arrow()


def sums(rows: list[dict[str, Any]]) -> list[str]:
    """Return a checksum of every sample, in the order of the checksums: tables have no order of rows."""
    return sorted(hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest() for row in rows)


@pytest.mark.parametrize("format", FORMATS)
def test_every_sample_is_there_once_and_the_version_names_the_run(out, tmp_path, format):
    done = export(out, tmp_path / "t", format)
    expected = refined_samples(out)
    assert done.samples == len(expected)
    assert sums(read(tmp_path / "t", format).to_pylist()) == sums(expected)
    run = json.loads((out / "run.json").read_text())
    (version,) = versions(tmp_path / "t", format)
    assert version["dj_assets.run_id"] == run["run_id"]
    assert version["dj_assets.result_key"] == run["result_key"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_again_is_a_new_version_with_the_same_rows(out, tmp_path, format):
    first = export(out, tmp_path / "t", format)
    second = export(out, tmp_path / "t", format)
    assert second.version != first.version
    assert len(versions(tmp_path / "t", format)) == 2
    assert sums(read(tmp_path / "t", format).to_pylist()) == sums(refined_samples(out))


@pytest.mark.parametrize("format", FORMATS)
def test_a_killed_export_leaves_the_old_version(out, other, tmp_path, format):
    def kill(source: Path) -> None:
        command = [sys.executable, "-c", KILLED, str(source), str(tmp_path / "t"), format]
        assert subprocess.run(command, check=False, env=dict(os.environ)).returncode == -signal.SIGKILL

    kill(out)
    export(other, tmp_path / "t", format, overwrite=True)
    kill(out)
    assert sums(read(tmp_path / "t", format).to_pylist()) == sums(refined_samples(other))
    assert len(versions(tmp_path / "t", format)) == 1
    export(out, tmp_path / "t", format, overwrite=True)
    assert sums(read(tmp_path / "t", format).to_pylist()) == sums(refined_samples(out))


@pytest.mark.parametrize("format", FORMATS)
def test_columns_that_change_between_versions(tmp_path, format):
    for number, records in enumerate(
        (
            [{"text": "one two", "n": 1, "gone": True}],
            [{"text": "three four", "n": "word", "new": [1, 2]}, {"text": "five", "n": "x", "new": []}],
        )
    ):
        source = write_jsonl(tmp_path / "a.jsonl", records)
        dj_assets.run_recipe(PROCESS, [source], tmp_path / "out", workers=1)
        export(tmp_path / "out", tmp_path / "t", format)
        found = read(tmp_path / "t", format).to_pylist()
        assert sums(found) == sums(refined_samples(tmp_path / "out")), number


@pytest.mark.parametrize("format", FORMATS)
def test_types_of_parquet(tmp_path, format):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC)
    columns = {
        "text": pa.array(["one two"]),
        "small": pa.array([200], pa.uint8()),
        "huge": pa.array([2**64 - 1], pa.uint64()),
        "half": pa.array([0.5], pa.float16()),
        "word": pa.array(["x"]).dictionary_encode(),
        "none": pa.nulls(1),
        "at": pa.array([moment], pa.timestamp("ms", "Europe/Berlin")),
        "day": pa.array([moment.date()], pa.date64()),
        "long": pa.array([datetime.timedelta(seconds=3)], pa.duration("s")),
        "nested": pa.array([{"a": [{"b": 7}], "c": b"\x00"}]),
        "money": pa.array(["1.50"]).cast(pa.decimal128(12, 2)),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    dj_assets.run_recipe(PROCESS, [tmp_path / "a.parquet"], tmp_path / "out", workers=1)
    export(tmp_path / "out", tmp_path / "t", format)
    (row,) = read(tmp_path / "t", format).to_pylist()
    assert (row["small"], row["huge"], row["half"], row["word"], row["none"]) == (200, 2**64 - 1, 0.5, "x", None)
    assert row["at"] == moment.replace(microsecond=0)
    assert row["day"] == moment.date()
    assert row["nested"] == {"a": [{"b": 7}], "c": b"\x00"}
    assert str(row["money"]) == "1.50"
    assert json.loads(row["long"])


def test_a_value_without_an_equal_is_one_line():
    batch = pa.record_batch({"when": pa.array([1], pa.timestamp("ns"))})
    with pytest.raises(UserError, match=r"column when: a value of type timestamp.*export as parquet"):
        portable(batch, portable_schema(batch.schema))


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_kept_is_a_table_without_rows(tmp_path, format):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": ""}])
    dj_assets.run_recipe(PROCESS, [source], tmp_path / "out", workers=1)
    assert export(tmp_path / "out", tmp_path / "t", format).samples == 0
    assert read(tmp_path / "t", format).num_rows == 0


def test_folders_of_others_stay(out, other, tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f/mine.txt").write_text("x")
    with pytest.raises(UserError, match=r"holds other files \(mine.txt\); choose a new folder"):
        export(out, tmp_path / "f", "lance")
    export(out, tmp_path / "t", "lance")
    with pytest.raises(UserError, match="holds other files"):
        export(out, tmp_path / "t", "delta", overwrite=True)


def test_a_newer_run_during_the_export_leaves_the_old_version(out, other, tmp_path, monkeypatch):
    export(other, tmp_path / "t", "delta")
    monkeypatch.setattr(module, "require_newest", _refuse)
    for format in FORMATS:
        with pytest.raises(UserError, match="a newer run was published"):
            export(out, tmp_path / format, format)
    with pytest.raises(UserError, match="a newer run was published"):
        export(out, tmp_path / "t", "delta", overwrite=True)
    assert read(tmp_path / "t", "delta").num_rows == len(refined_samples(other))


def _refuse(layout: Layout, manifest: object, since: object) -> None:
    raise UserError("a newer run was published")


def test_the_command_names_the_version_and_a_missing_library(out, tmp_path, monkeypatch):
    command = ["export", str(out), "--output", str(tmp_path / "t"), "--format", "delta"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert f"{tmp_path}/t: version 0, {len(refined_samples(out)):,} samples" in shown.output
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shown = CliRunner().invoke(app, command)
    assert "pip install 'dj_assets[delta]'" in str(shown.exception)
    shown = CliRunner().invoke(app, [*command[:3], "s3://bucket/t", *command[4:]])
    assert isinstance(shown.exception, UserError)
