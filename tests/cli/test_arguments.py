from __future__ import annotations

import pytest

from dj_assets.cli.arguments import spread


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("run r.yaml --input a b c --output out", "run r.yaml --input a --input b --input c --output out"),
        ("run r.yaml --input a --input b c", "run r.yaml --input a --input b --input c"),
        (
            "run r.yaml --output out --against a b --input c",
            "run r.yaml --output out --against a --against b --input c",
        ),
        ("run r.yaml --input=a --limit 3", "run r.yaml --input=a --limit 3"),
        ("run --input a r.yaml --output out", "run --input a r.yaml --output out"),
        ("run r.yaml --input a b -- c d", "run r.yaml --input a --input b -- c d"),
        ("funnel c4", "funnel c4"),
        ("--help", "--help"),
        ("", ""),
    ],
)
def test_files_behind_one_option(given, wanted):
    assert spread(given.split()) == wanted.split()
