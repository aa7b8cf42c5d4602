"""What differs from Data-Juicer, and what is kept although it is odd: the tests behind `docs/compatibility.md`."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

import dj_assets
from dj_assets.errors import SampleError
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.base import Operator
from dj_assets.operators.batch import Batch
from dj_assets.recipe import data_juicer
from dj_assets.recipe.load import load_recipe
from dj_assets.subset import RunResult
from tests.documents import write_jsonl
from tests.paths import ROOT

PAGE = ROOT / "docs/compatibility.md"
QUIRKS = range(1, 28)


def operator(name: str, **parameters: Any) -> Operator:
    cls = registry.find(name)
    assert cls is not None
    return cls(**parameters)


def rewritten(name: str, *texts: str, **parameters: Any) -> list[str]:
    return operator(name, **parameters).apply(Batch.of_texts(list(texts), ModelStore())).text.to_pylist()


def measured(name: str, *texts: str, **parameters: Any) -> list[Any]:
    found = operator(name, **parameters).measure(Batch.of_texts(list(texts), ModelStore()))
    return next(iter(found.values())).to_pylist()


def run(tmp_path: Path, texts: list[str], *process: Any) -> RunResult:
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    return dj_assets.run_recipe({"process": list(process)}, [source], tmp_path / "out", workers=1, overwrite=True)


def refined(result: RunResult) -> list[str]:
    return ds.dataset(result.folder / "refined").to_table(columns=["text"]).column("text").to_pylist()


def stats(result: RunResult) -> list[dict[str, Any]]:
    return ds.dataset(result.folder / "stats.parquet").to_table().to_pylist()


# the page


@cache
def defined_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_test_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text("utf-8"))
    assert len(named) > 40
    assert [f"{file}::{test}" for file, test in named if test not in defined_in(ROOT / file)] == []


def test_the_page_speaks_of_every_quirk_and_pins_every_row() -> None:
    page = PAGE.read_text("utf-8")
    assert [number for number in QUIRKS if not re.search(rf"\bQ{number}\b", page)] == []
    pinned = page.partition("## Operators and features that are not available")[0]
    rows = [line for line in pinned.splitlines() if line.startswith("| ") and "---" not in line]
    unpinned = [row for row in rows if "`tests/" not in row and not row.startswith(("| difference |", "| oddity |"))]
    assert unpinned == []


def test_what_the_page_calls_missing_is_missing() -> None:
    missing = PAGE.read_text("utf-8").partition("## Operators and features that are not available")[2]
    named = set(re.findall(r"`(\w+)`", missing)) & data_juicer.operators().keys()
    assert named
    assert [name for name in sorted(named) if registry.find(name)] == []


# not copied


def test_q1_a_second_filter_measures_for_itself(tmp_path: Path) -> None:
    length = {"text_length_filter": {"min_len": 1}}
    found = stats(run(tmp_path, ["mail to someone@example.com now"], length, "clean_email_mapper", length))
    assert [(row["text_len"], row["text_len_2"]) for row in found] == [(31, 12)]


def test_q3_bad_samples_cost_no_good_one(tmp_path: Path) -> None:
    lines = '{"text": "good one"}\n{"text": null}\n{"text": 5}\n{"text": "good two"}\n{"text": \n'
    (tmp_path / "a.jsonl").write_text(lines)
    words = {"stopwords_filter": {"min_ratio": 0.0}}
    found = dj_assets.run_recipe({"process": [words]}, [tmp_path / "a.jsonl"], tmp_path / "out", workers=1)
    assert refined(found) == ["good one", "good two"]
    assert (found.samples_in, found.dropped, found.quarantined) == (5, 1, 2)


def kept_ids(tmp_path: Path, records: list[dict[str, Any]], *process: Any) -> list[str]:
    source = write_jsonl(tmp_path / "a.jsonl", records)
    found = dj_assets.run_recipe({"process": list(process)}, [source], tmp_path / "out", workers=1, overwrite=True)
    return ds.dataset(found.folder / "refined").to_table(columns=["id"]).column("id").to_pylist()


@pytest.mark.parametrize("name", ["specified_field_filter", "specified_numeric_field_filter"])
def test_q5_without_a_field_all_samples_are_kept(tmp_path: Path, name: str) -> None:
    assert kept_ids(tmp_path, [{"text": "x", "id": "a"}], name) == ["a"]


def test_q6_zero_is_a_number(tmp_path: Path) -> None:
    records = [{"text": "x", "id": str(stars), "stars": stars} for stars in (0, 0.0, 3, -1, "0", "", None)]
    wanted = {"specified_numeric_field_filter": {"field_key": "stars", "min_value": 0}}
    assert kept_ids(tmp_path, records, wanted) == ["0", "0.0", "3", "0"]


def test_a_numeric_field_that_holds_text_has_no_statistic(tmp_path: Path) -> None:
    records = [{"text": "x", "id": str(stars), "stars": stars} for stars in (".txt", "7", 3)]
    wanted = {"specified_numeric_field_filter": {"field_key": "stars", "min_value": 0}}
    assert kept_ids(tmp_path, records, wanted) == ["7", "3"]
    (stats,) = tmp_path.rglob("stats.parquet")
    assert pq.read_table(stats).column("stars").to_pylist() == [None, 7.0, 3.0]


def test_q23_the_suffix_is_that_of_the_document(tmp_path: Path) -> None:
    records = [
        {"text": "x", "id": "a", "path": "src/one.py"},
        {"text": "x", "id": "b", "path": "src/one.js"},
        {"text": "x", "id": "c", "path": "src/one.js", "__dj__suffix__": ".py"},
        {"text": "x", "id": "d"},
    ]
    assert kept_ids(tmp_path, records, {"suffix_filter": {"suffixes": [".py", ".jsonl"]}}) == ["a", "c"]


def test_q19_statistics_are_exact(tmp_path: Path) -> None:
    found = run(tmp_path, ["a--"], {"alphanumeric_filter": {"min_ratio": 1 / 3}})
    assert [row["alnum_ratio"] for row in stats(found)] == [1 / 3]
    assert refined(found) == ["a--"]


def test_q27_a_second_instance_has_the_defaults() -> None:
    first, second = {"tokenization": False, "max_ratio": 1.0}, {"tokenization": True, "min_ratio": 1.5}
    recipe = load_recipe({"process": [{"alphanumeric_filter": first}, {"alphanumeric_filter": second}]})
    assert recipe.process[1] == operator("alphanumeric_filter", **second)
    assert recipe.process[1].condition.high is None


def test_word_lists_are_named_and_not_data_juicers() -> None:
    assert operator("flagged_words_filter").flagged_words_dir == "ldnoobw"
    assert operator("stopwords_filter").stopwords_dir == "stopwordsiso"


def test_recipes_bring_no_code() -> None:
    with pytest.raises(ValidationError, match="cannot bring Python code"):
        operator("remove_repeat_sentences_mapper", tokenizer="lambda text: text.split()")


def test_a_text_that_would_grow_without_end_is_refused() -> None:
    values = [f"\\m{n + 1} " * 9 for n in range(12)]
    bomb = "".join(f"\\def\\m{n}{{{value}}}\n" for n, value in enumerate(values)) + "\\m0 ."
    with pytest.raises(SampleError, match="grows without end"):
        rewritten("expand_macro_mapper", bomb)


def test_the_order_of_the_recipe_is_the_order_of_the_funnel(tmp_path: Path) -> None:
    process = ["stopwords_filter", "text_length_filter", "alphanumeric_filter"]
    recipe = {"process": process, "op_fusion": True, "fusion_strategy": "probe"}
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "the text of a sample"}])
    found = dj_assets.run_recipe(recipe, [source], tmp_path / "out", workers=1)
    assert [step.operator for step in found.funnel] == process


# kept, although odd


def test_q2_a_reversed_range_keeps_its_bounds(tmp_path: Path) -> None:
    texts = ["x" * length for length in range(2, 7)]
    bounds = {"min_len": 3, "max_len": 5, "reversed_range": True}
    assert [len(text) for text in refined(run(tmp_path, texts, {"text_length_filter": bounds}))] == [2, 3, 5, 6]
    bounds |= {"min_closed_interval": False, "max_closed_interval": False}
    kept = refined(run(tmp_path, texts, {"text_length_filter": bounds}))
    assert [len(text) for text in kept] == [2, 6]


def test_q8_the_definition_of_a_macro_is_rewritten_too() -> None:
    text = "\\newcommand{\\foo}{bar}\nsee \\foo. and \\foo"
    assert rewritten("expand_macro_mapper", text) == ["\\newcommand{bar}{bar}\nsee bar. and \\foo"]


def test_q11_an_inline_comment_takes_the_character_before_along() -> None:
    texts = ["a%b", "50 %x", "78% y", "x\\\\% c", "x\\% c"]
    assert rewritten("remove_comments_mapper", *texts) == ["", "50", "7", "x\\\\% c", "x\\% c"]
    assert rewritten("remove_comments_mapper", *texts) == rewritten("remove_comments_mapper", *texts, doc_type="html")


def test_q12_pieces_are_glued_once_one_goes() -> None:
    texts = ["go to http now", "we say it"]
    found = rewritten("remove_words_with_incorrect_substrings_mapper", *texts, tokenization=True)
    assert found == ["gotonow", "we say it"]


def test_q13_prose_of_equally_many_words_is_a_table() -> None:
    text = "first\none two\nsix ten\nend of it all\n"
    assert rewritten("remove_table_text_mapper", text) == ["first\nend of it all\n"]


def test_q15_tokenized_stop_words_hardly_match() -> None:
    text = "the people of the"
    assert measured("stopwords_filter", text) == [0.75]
    assert measured("stopwords_filter", text, tokenization=True) == [0.0]


def test_q17_a_nul_ends_the_text_for_the_language_model() -> None:
    prefix = "The people of the United States"
    short, long, empty = measured(
        "perplexity_filter", prefix, prefix + "\0 have chosen a new government and they have spoken to all of us", ""
    )
    assert 0 < long < short / 2
    assert empty == 0.0


def test_q21_texts_without_heading_become_empty_and_the_next_filter_drops_them(tmp_path: Path) -> None:
    process = ("remove_header_mapper", {"text_length_filter": {"min_len": 1}})
    found = run(tmp_path, ["no heading", "x \\section{A} b"], *process)
    assert refined(found) == ["\\section{A} b"]
    assert [step.dropped for step in found.funnel] == [0, 1]


def test_q24_leading_lines_go_without_any_notice_in_them() -> None:
    texts = ["# A heading\n\nText", "/* a */ x /* Copyright */"]
    assert rewritten("clean_copyright_mapper", *texts) == ["Text", texts[1]]


def test_q25_scripts_stay_and_paragraphs_touch() -> None:
    assert rewritten("clean_html_mapper", "<p>one</p><p>two</p><script>let x</script>") == ["onetwolet x"]


def test_q26_a_digit_before_a_closing_quote_ends_a_sentence() -> None:
    assert rewritten("remove_repeat_sentences_mapper", "size 6”size 6”size") == ["size 6”size"]
