"""Many runs at once, for `make hostile`: its name keeps it out of the suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hostile import kills
from tests.hostile.test_concurrency import project, refined, subset, write_recipe
from tests.test_subset import contents

__all__ = ["project"]


def test_two_runs_on_one_output(tmp_path: Path) -> None:
    world = kills.world(tmp_path / "world", files=2, samples=200)
    both = [kills.start(world.folder, tmp_path / "out") for _ in range(2)]
    codes = sorted(process.wait(kills.WAITS_S) for process in both)
    said = (tmp_path / "out.log").read_text()
    # where the second began after the first had ended it had nothing to do
    assert codes == [0, 0] or (codes == [0, 2] and "another run is at work there; wait for it or stop it" in said), said
    assert "Traceback" not in said
    assert contents(tmp_path / "out") == world.expected


def test_twenty_subsets_at_once(project: Path) -> None:
    names = [f"news{number}" for number in range(20)]
    for name in names:
        write_recipe(project, name)
    found = [subset(name) for name in names]
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda one: one.run(), found))
    assert {result.samples_out for result in results} == {results[0].samples_out}
    first, *others = [refined(name, project / "home") for name in names]
    assert all(other == first for other in others)
