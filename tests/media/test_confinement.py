from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from dj_assets.errors import UserError
from dj_assets.media import confinement, landlock, reader, seccomp
from dj_assets.media.headers import ClipSize, ImageSize
from dj_assets.media.locations import MediaLocation
from dj_assets.media.motion import MotionScore
from dj_assets.media.reader import MediaReader
from dj_assets.media.request import Failed, Limits, Request
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.plan import make_plan
from tests.media import features, made

LIMITS = {mode: Limits(60, 4_000_000_000, sandbox=mode) for mode in ("auto", "require", "off")}
FORBIDDEN = {
    **dict.fromkeys(
        ("read", "read its own file", "list", "write", "write to a cache", "remove", "environment"), "EACCES"
    ),
    **dict.fromkeys(("tcp", "udp", "unix", "program"), "EPERM"),
    "memory": "EACCES",
    "allowed": "done",
}


def attempts(tmp_path: Path, mode: str) -> dict[str, str]:
    outside = tmp_path / "outside" / "private.txt"
    outside.parent.mkdir()
    outside.write_text("private")
    made.image(tmp_path / "a.png")
    with socket.create_server(("127.0.0.1", 0)) as server:
        feature = features.Attempts(str(outside), server.getsockname()[1])
        reads = MediaReader(LIMITS[mode])
        [[outcome]] = reads.read([Request(MediaLocation(str(tmp_path / "a.png")), (feature,))]).result(timeout=60)
        reads.close()
    assert isinstance(outcome, dict)
    assert outside.exists() == (outcome["remove"] != "done")
    (Path(features.image_module.__file__).parent / "new.nbi").unlink(missing_ok=True)
    return outcome


def test_a_process_that_decodes_reaches_nothing_but_its_input(tmp_path: Path) -> None:
    assert confinement.missing() == ()
    outcome = attempts(tmp_path, "require")
    # scopes of signals came with the sixth version of Landlock
    assert outcome.pop("signal") == ("EPERM" if landlock.version() >= 6 else "done")
    assert outcome == FORBIDDEN


def test_without_the_sandbox_it_reaches_all_of_it(tmp_path: Path) -> None:
    assert set(attempts(tmp_path, "off").values()) <= {"done"}


def test_the_results_are_the_same_with_and_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = made.clip(tmp_path / "a.mp4", 20)
    requests = [
        Request(MediaLocation(str(clip)), (ClipSize(), MotionScore())),
        Request(MediaLocation("held", content=clip.read_bytes()), (ClipSize(), MotionScore())),
        Request(MediaLocation(str(clip), 0, clip.stat().st_size), (ClipSize(), MotionScore())),
    ]
    found = []
    for mode, copied in (("require", 1 << 30), ("require", 1), ("off", 1 << 30)):
        monkeypatch.setattr(reader, "COPIED_BYTES", copied)
        reads = MediaReader(LIMITS[mode])
        found.append(reads.read(requests).result(timeout=120))
        reads.close()
    assert found[0] == found[1] == found[2]
    assert found[0][0] == found[0][1] == found[0][2]
    assert not any(isinstance(outcome, Failed) for outcome in found[0][0])


def test_a_large_file_is_decoded_by_a_process_that_may_open_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "COPIED_BYTES", 1)
    files = [made.image(tmp_path / name) for name in ("a.png", "b.png")]
    reads = MediaReader(LIMITS["require"])
    outcomes = reads.read(
        [Request(MediaLocation(str(file)), (features.ProcessId(), ImageSize())) for file in files]
    ).result()
    reads.close()
    assert outcomes[0][0] != outcomes[1][0]
    assert [size for _, size in outcomes] == [(64, 48)] * 2


def test_a_sandbox_that_is_required_and_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    line = "this system has no Landlock .no other files."
    with pytest.raises(UserError, match=f"DJ_MEDIA_SANDBOX=require: {line}; run on Linux"):
        MediaReader(LIMITS["require"])
    clips = make_plan(load_recipe({"process": ["video_duration_filter"]}))
    texts = make_plan(load_recipe({"process": ["alphanumeric_filter"]}))
    for mode, notices in (("auto", (f"{line}",)), ("off", ("DJ_MEDIA_SANDBOX=off",))):
        monkeypatch.setenv("DJ_MEDIA_SANDBOX", mode)
        assert texts.notices() == ()
        (notice,) = clips.notices()
        assert notice.startswith(notices[0].replace(".no other files.", "(no other files)"))
    monkeypatch.setenv("DJ_MEDIA_SANDBOX", "require")
    with pytest.raises(UserError, match="DJ_MEDIA_SANDBOX=require"):
        clips.notices()
    monkeypatch.setenv("DJ_MEDIA_SANDBOX", "maybe")
    with pytest.raises(UserError, match="DJ_MEDIA_SANDBOX: 'maybe' is not one of auto, require, off"):
        clips.notices()


def test_an_unknown_machine_has_no_filter_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seccomp.available()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert not seccomp.available()


def test_libraries_of_packages_of_the_user_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install --user` puts `pillow.libs`, which is no package, where Python's own folders are not."""
    site, other = tmp_path / "lib/python3/site-packages", tmp_path / "project"
    for folder in (site, other):
        (folder / "pillow.libs").mkdir(parents=True)
        (folder / "PIL").mkdir()
        (folder / "PIL/__init__.py").write_text("")
    monkeypatch.setattr("sys.path", [str(site), str(other)])
    readable = set(confinement._libraries())
    assert str(site) in readable
    assert {path for path in readable if path.startswith(str(other))} == {str(other / "PIL")}


def test_packages_that_are_found_by_a_hook_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable install puts no folder into `sys.path`; the command runs in any folder."""
    package = Path(confinement.__file__).parents[1]
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if Path(entry) != package.parent])
    assert str(package) in set(confinement._libraries())
