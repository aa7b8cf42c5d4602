from __future__ import annotations

from rich.console import Console

from dj_assets.home.layout import Layout
from dj_assets.views.run_list import render_runs
from tests.manifests import manifest_of_test


def shown(layout: Layout) -> str:
    console = Console(width=160)
    with console.capture() as text:
        console.print(render_runs(layout))
    return text.get()


def test_a_run_is_one_line(tmp_path):
    layout = Layout.home(tmp_path)
    manifest = manifest_of_test()
    manifest.write(layout.runs / f"{manifest.run_id}.json")
    _, line = shown(layout).splitlines()
    assert line.split() == [manifest.run_id, "2026-01-01", "00:00:00", "10", "6", "60.0", "%", "no"]
