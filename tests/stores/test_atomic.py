from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dj_assets.stores import atomic
from dj_assets.stores.atomic import recover, remove_leftovers, staged, temporary_beside


def write(folder: Path, version: str) -> None:
    (folder / "refined").mkdir()
    (folder / "refined" / "part-00000").write_text(version)
    (folder / "stats").write_text(version)


def versions(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_new_version_takes_the_place_of_the_old(tmp_path):
    for version in ("old", "new"):
        with staged(tmp_path) as staging:
            write(staging, version)
    assert versions(tmp_path) == {"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["refined", "stats"]


def test_a_part_that_the_new_version_lacks_is_gone(tmp_path):
    with staged(tmp_path) as staging:
        write(staging, "old")
        (staging / "refined" / "part-00001").write_text("old")
    with staged(tmp_path) as staging:
        write(staging, "new")
    assert [path.name for path in (tmp_path / "refined").iterdir()] == ["part-00000"]


def test_an_error_leaves_the_old_version(tmp_path):
    with staged(tmp_path) as staging:
        write(staging, "old")
    with pytest.raises(RuntimeError), staged(tmp_path) as staging:
        write(staging, "new")
        raise RuntimeError
    assert versions(tmp_path) == {"old"}


def test_a_version_that_was_not_complete_is_removed(tmp_path):
    with staged(tmp_path) as staging:
        write(staging, "old")
    (tmp_path / ".staging").mkdir()
    write(tmp_path / ".staging", "half")
    recover(tmp_path)
    assert versions(tmp_path) == {"old"}


@pytest.mark.parametrize("moves", range(4))
def test_a_process_killed_while_moving_is_completed_by_the_next(tmp_path, monkeypatch, moves):
    with staged(tmp_path) as staging:
        write(staging, "old")
    done = 0

    class Killed(BaseException):
        pass

    def counted(original):
        def move(self, target):
            nonlocal done
            if done == moves:
                raise Killed
            done += 1
            return original(self, target)

        return move

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(Path, "replace", counted(Path.replace))
        try:
            with staged(tmp_path) as staging:
                write(staging, "new")
        except Killed:
            assert (tmp_path / atomic._STAGING / atomic._READY).exists()
    recover(tmp_path)
    assert versions(tmp_path) == {"new"}
    assert not (tmp_path / ".staging").exists()


def test_temporary_files_go_with_their_process_and_those_of_other_machines_after_a_day(tmp_path):
    stats = tmp_path / "stats"
    stats.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = temporary_beside(stats / "00000.parquet")
    killed = ours.with_name(ours.name.replace(f".{os.getpid()}@", f".{ended.pid}@"))
    before_machines_were_named = stats / f".00000.parquet.{ended.pid}.tmp"
    elsewhere = stats / f".00001.parquet.{ended.pid}@another-machine.tmp"
    forsaken = stats / f".00002.parquet.{os.getpid()}@another-machine.tmp"
    for path in (ours, killed, before_machines_were_named, elsewhere, forsaken):
        path.touch()
    two_days_ago = path.stat().st_mtime - 2 * 86_400
    os.utime(forsaken, (two_days_ago, two_days_ago))

    remove_leftovers(tmp_path)

    assert killed != ours
    assert set(stats.iterdir()) == {ours, elsewhere}


def test_leftovers_in_the_work_folder_itself_are_removed(tmp_path):
    killed = tmp_path / f".numbering.json.999999999@{temporary_beside(tmp_path / 'a').name.split('@')[1]}"
    killed.touch()
    (tmp_path / "numbering.json").touch()

    remove_leftovers(tmp_path)

    assert not killed.exists()
    assert (tmp_path / "numbering.json").exists()
