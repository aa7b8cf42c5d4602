from __future__ import annotations

import json
import re

import pytest

from dj_assets.operators import registry
from dj_assets.recipe import composites, data_juicer, known_keys, regrouping
from dj_assets.reference.operator_docs import render_operators, table
from dj_assets.reference.operator_tables import default_in_words, operator_facts, shipped_operators, type_in_words
from dj_assets.reference.recipe_schema import recipe_schema
from tests.paths import ROOT

FACTS = [operator_facts(cls) for cls in shipped_operators()]


def test_the_page_is_as_new_as_the_classes() -> None:
    assert (ROOT / "docs/operators.md").read_text("utf-8") == render_operators(FACTS), "run 'make docs'"


def test_the_first_page_has_the_number_of_operators() -> None:
    on_page, on_first = (
        re.search(pattern, (ROOT / name).read_text("utf-8"))
        for name, pattern in (("docs/operators.md", r"(\d+) of them are available"), ("README.md", r"(\d+) of the 224"))
    )
    assert on_page
    assert on_first
    assert on_page[1] == on_first[1]


def test_the_schema_is_as_new_as_the_classes() -> None:
    assert json.loads((ROOT / "docs/recipe.schema.json").read_text("utf-8")) == recipe_schema(), "run 'make docs'"


def test_every_operator_and_every_missing_one_is_on_the_page() -> None:
    page = render_operators(FACTS)
    for cls in shipped_operators():
        assert f"\n### {cls.name}\n" in page
    table_of_all = page.partition("## Operators of Data-Juicer")[2].partition("## Keys without effect")[0]
    listed = re.findall(r"^\| `(\w+)` \| \w+ \| (.+) \|$", table_of_all, re.MULTILINE)
    rows = dict(listed)
    assert [name for name, _ in listed] == list(data_juicer.operators()), "every operator once"
    assert len(rows) == 224
    assert all(re.match(r"(yes|no: .+; .+|not yet: .+)", available) for available in rows.values())
    for name, available in rows.items():
        here = registry.find(known_keys.ALIASES.get(name, name)) is not None
        here |= name in {*composites.NAMES, regrouping.NAME}
        assert available.startswith("yes") == here


def facts(name: str):
    return next(one for one in FACTS if one.name == name)


def test_measured_and_judged_parameters() -> None:
    parameters = {p.name: (p.type, p.default, p.measured) for p in facts("words_num_filter").parameters}
    assert parameters == {
        "lang": ("text", "`en`", True),
        "tokenization": ("true or false", "false", True),
        "min_num": ("number", "10", False),
        "max_num": ("number", "no bound", False),
    }


def test_models_and_statistics_that_a_switch_brings() -> None:
    alphanumeric = facts("alphanumeric_filter")
    assert [(s.name, s.where) for s in alphanumeric.statistics] == [
        ("alnum_ratio", ""),
        ("alpha_token_ratio", "tokenization"),
    ]
    assert [m.where for m in alphanumeric.models] == ["tokenization"]
    assert [(m.name, m.where) for m in facts("perplexity_filter").models] == [
        ("{lang}.sp.model", ""),
        ("{lang}.arpa.bin", ""),
    ]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or none"),
        ({"enum": ["a", "b"]}, "one of `a`, `b`"),
        ({"type": "array", "items": {"type": "integer", "exclusiveMinimum": 0}}, "list of integer > 0"),
        ({"type": "integer", "minimum": 1, "maximum": 64}, "integer ≥ 1 ≤ 64"),
    ],
)
def test_types_in_words(schema: dict, words: str) -> None:
    assert type_in_words(schema) == words


def test_defaults_in_words() -> None:
    assert [default_in_words(value) for value in ("", "en", None, True, 0, 0.5, (2, 3), 2**63 - 1)] == [
        '`""`', "`en`", "none", "true", "0", "0.5", "[2, 3]", "no bound",
    ]  # fmt: skip


def test_cells_keep_their_code() -> None:
    assert table([{"a": "`\\x` | y"}]) == "| a |\n| --- |\n| `\\x` \\| y |"
