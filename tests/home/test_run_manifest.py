from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from dj_assets.errors import DamagedError, UserError
from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, published_run, run_named
from dj_assets.home.run_manifest import (
    SCHEMA_VERSION,
    Bins,
    FunnelStep,
    RunManifest,
    RunMedia,
    content_in_database,
    record_database,
)
from dj_assets.media.locations import Root
from tests.fixtures.home_972c933.make import ARCHIVE
from tests.manifests import manifest_of_test
from tests.views.test_run_list import shown

COMPLETE = manifest_of_test().as_json()
OPTIONAL = {"conditional", "against", "media", "missing_shards", "database_bytes", "database_crc32"}


@pytest.fixture
def layout(tmp_path):
    return Layout.home(tmp_path / "notes")


@pytest.fixture
def path(layout):
    """The file of the only run of a subset."""
    manifest = manifest_of_test()
    target = layout.runs / f"{manifest.run_id}.json"
    manifest.write(target)
    return target


def earlier_manifests(folder: Path) -> list[Path]:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return [path for path in sorted(folder.rglob("*.json")) if path.parent.name == "runs"]


def test_what_is_written_is_read(path):
    assert json.loads(path.read_text())["schema_version"] == SCHEMA_VERSION
    assert RunManifest.read(path) == manifest_of_test()


def test_manifests_of_an_earlier_version_are_read(tmp_path):
    found = earlier_manifests(tmp_path)
    assert len(found) == 3
    for path in found:
        content = json.loads(path.read_text())
        manifest = RunManifest.read(path)
        assert manifest.schema_version == 0
        assert (manifest.run_id, manifest.samples_out) == (content["run_id"], content["samples_out"])
        assert [file.number for file in manifest.files] == [entry["shard"] for entry in content["shards"]]
        assert [step.samples_in for step in manifest.funnel] == [step["in"] for step in content["funnel"]]
        assert len(manifest.reference) == len(content.get("against", {}).get("files", ()))
        again = json.loads(json.dumps(manifest.as_json()))
        del again["schema_version"]
        assert list(again.items()) == list(content.items()), "the same keys in the same order"


def test_a_newer_version_is_refused_in_one_line(layout, path):
    content = json.loads(path.read_text()) | {"schema_version": SCHEMA_VERSION + 1, "funnel": "of another form"}
    path.write_text(json.dumps(content))
    for read in (lambda: RunManifest.read(path), lambda: newest_run(layout), lambda: published_run(layout)):
        with pytest.raises(UserError, match="written by a newer dj_assets; upgrade dj_assets") as refused:
            read()
        assert str(refused.value).startswith(f"{path}: ")
        assert "\n" not in str(refused.value)
        assert not isinstance(refused.value, DamagedError), "nothing is published over it"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"run_id": "2026', "Unterminated string"),
        ("[]", "is not a JSON object"),
        ("{}", "run_id: Field required"),
        (
            json.dumps(COMPLETE | {"samples_in": "many"}),
            "samples_in: Input should be a valid integer",
        ),
        (json.dumps(COMPLETE | {"refined": [{"name": "part-00000.parquet"}]}), "refined.0.shard"),
    ],
)
def test_a_damaged_manifest_is_one_line(layout, path, content, problem):
    path.write_text(content)
    with pytest.raises(DamagedError, match="run the subset again, or remove the file") as damaged:
        newest_run(layout)
    line = str(damaged.value)
    assert line.startswith(f"{path}: ")
    assert problem in line
    assert "\n" not in line
    assert published_run(layout) is None, "the next run publishes again"
    assert "the manifest is damaged" in shown(layout)


def test_bytes_that_are_no_text_are_damage(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedError, match="is not the manifest of a run"):
        RunManifest.read(path)


def test_a_manifest_that_is_gone_is_no_run(layout, path):
    assert run_named(layout, path.stem) == manifest_of_test()
    path.unlink()
    assert newest_run(layout) is None


def test_keys_that_are_not_known_are_ignored_and_stay_when_a_database_is_rebuilt(path):
    content = json.loads(path.read_text()) | {"of_tomorrow": [1], "models": [{"name": "m", "sha256": "0", "size": 3}]}
    path.write_text(json.dumps(content))
    assert RunManifest.read(path).models[0].name == "m"
    record_database(path, Sum(7, 8))
    assert json.loads(path.read_text()) == content | {"database_bytes": 7, "database_crc32": 8}
    assert content_in_database(path) == content
    assert RunManifest.read(path).database_crc32 == 8


def test_keys_without_a_value_are_not_written(path):
    assert not OPTIONAL & json.loads(path.read_text()).keys()
    step = FunnelStep(operator="f", params={}, samples_in=3, samples_out=2, dropped=1, quarantined=0, seconds=0.5)
    assert list(step.as_json()) == "operator params in out dropped quarantined seconds dropped_against".split()
    assert Bins(counts=(1, 2), names=("a",)).as_json() == {"counts": (1, 2), "names": ("a",)}


def test_media_roots_are_read_by_the_number_of_their_file(path):
    media = RunMedia(roots={3: Root("/photos", allow_urls=True)})
    manifest_of_test(media=media.as_json()).write(path)
    root = {"folder": "/photos", "allow_outside": False, "allow_urls": True}
    assert json.loads(path.read_text())["media"]["roots"] == {"3": root}
    assert RunManifest.read(path).media == media
