from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from dj_assets.analysis.funnel_chain import ChainLink
from dj_assets.home.run_manifest import FunnelStep
from dj_assets.views.sankey import chain_figure, chain_svg, sankey_svg, small_funnel

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


def test_a_chain_has_one_scale_and_the_name_of_each_subset():
    links = (
        ChainLink("first", 1000, 749, STEPS[:3]),
        ChainLink("empty", 749, 749, ()),
        ChainLink("last", 749, 1490, STEPS[3:]),
    )
    picture = ElementTree.fromstring(chain_svg(links))
    texts = [node.text or "" for node in picture.iter(f"{SVG}text")]
    assert [text for text in texts if ": " in text] == ["first: 1,000 in", "empty: 749 in", "last: 749 in"]
    assert (texts[0], texts[-1]) == ("1,000 in", "1,490 kept, 149.0 % of 1,000")
    bands = [node for node in picture.iter(f"{SVG}path") if node.get("class") == "flow-kept"]
    # the same scale as in one funnel of all operators, 260 for 1,500 samples, below the name of the subset
    assert (bands[0].get("d") or "").startswith("M0 70H173.3C")
    assert len(bands) == len(STEPS)
    assert "empty: 749 samples in, 749 kept" in chain_figure(links)
