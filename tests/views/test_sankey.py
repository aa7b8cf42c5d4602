from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from dj_assets.home.run_manifest import FunnelStep
from dj_assets.views.sankey import sankey_svg, small_funnel

SVG = "{http://www.w3.org/2000/svg}"


def step(operator: str, samples_in: int, samples_out: int, **counts: int) -> FunnelStep:
    given = {"dropped": max(0, samples_in - samples_out), "quarantined": 0, "seconds": 0.0} | counts
    return FunnelStep(operator=operator, params={}, samples_in=samples_in, samples_out=samples_out, **given)


STEPS = (
    step("a<b_filter", 1000, 750),
    step("whitespace_mapper", 750, 750),
    step("rare_filter", 750, 749),
    step("chunk_mapper", 749, 1500, dropped=0, created=1500, expanded=749),
    step("late_filter", 1500, 1490, dropped=4, quarantined=6),
)


def test_a_flow_is_as_wide_as_its_samples_and_every_loss_has_its_number():
    picture = ElementTree.fromstring(sankey_svg(STEPS))
    texts = [node.text for node in picture.iter(f"{SVG}text")]
    assert texts[0] == "1,000 in"
    assert texts[-1] == "1,490 kept, 149.0 % of 1,000"
    for said in (
        "a<b_filter",
        "250 dropped, 25.0 %",
        "1 dropped, 0.1 %",
        "749 replaced by 1,500",
        "6 quarantined",
    ):
        assert said in texts
    lost = [node.get("d") for node in picture.iter(f"{SVG}path") if node.get("class") == "flow-lost"]
    assert len(lost) == 3
    # the band is 260 wide for 1,500 samples
    first = next(node.get("d") for node in picture.iter(f"{SVG}path") if node.get("class") == "flow-kept")
    assert re.match(r"M0 40H173\.3C", first)
    assert first.endswith("130 80H0z")


@pytest.mark.parametrize("steps", [(), (step("a", 0, 0),), (step("a", 5, 0),)])
def test_a_funnel_without_samples_is_drawn(steps):
    assert ElementTree.fromstring(sankey_svg(steps)).find(f"{SVG}title").text
    assert ElementTree.fromstring(small_funnel(steps)).get("aria-label")
