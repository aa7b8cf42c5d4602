"""The table of installed sizes: every extra is in it, and the plain installation is small."""

from __future__ import annotations

import re

from tests.e2e import sizes


def test_every_extra_is_in_the_table_and_the_plain_installation_is_small() -> None:
    rows = sizes.PAGE.read_text("utf-8").partition(sizes.START)[2].partition(sizes.END)[0]
    listed = re.findall(r"^\| `([^`]+)` \| ([\d,]+) \|", rows, re.MULTILINE)
    assert [extra for extra, _ in listed] == list(sizes.project())
    assert int(listed[0][1].replace(",", "")) <= sizes.MOST_MB


def test_requirements_of_requirements_are_counted_and_other_systems_are_not() -> None:
    names = sizes.needed(["dagster-webserver", "colorlog; sys_platform == 'win32'", "no-such-package"])
    assert {"dagster-webserver", "dagster", "dagster-graphql"} <= names
    assert not {"colorlog", "no-such-package"} & names
    # an extra of a package brings its own
    assert sizes.needed(["ray"]) < sizes.needed(["ray[data]"])


def test_new_figures_replace_those_of_the_page() -> None:
    weight = sizes.Weight("vision", {"torch": 1200.0, "nvidia-cudnn": 900.4, "av": 1.0, "pillow": 0.2})
    page = f"before\n{sizes.START}old\n{sizes.END}after\n"
    written = sizes.page(page, [weight], "Measured.")
    assert "| `vision` | 2,102 | 900 | 4 | torch 1,200, nvidia-cudnn 900, av 1 |\n\nMeasured.\n" in written
    assert "old" not in written
    assert written.startswith("before\n")
    assert written.endswith(f"{sizes.END}after\n")
