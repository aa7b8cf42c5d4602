"""The table of `docs/model_servers.md` is what servers cost that fail."""

from __future__ import annotations

from tests.models.server_faults import PAGE, costs, written


def test_the_page_has_the_costs_of_every_fault():
    found = costs()
    page = PAGE.read_text("utf-8")
    assert page == written(page, found), "run python -m tests.models.server_faults"
    assert {name: once.calls - found["answers as it should"][0].calls for name, (once, _) in found.items()}[
        "status 500"
    ] == 4
