"""The filter sets of Gopher, FineWeb and C4 decide as those of datatrove; its decisions were recorded."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from dj_assets.operators import registry
from dj_assets.operators.batch import Batch

RECORDED = json.loads((Path(__file__).parents[2] / "fixtures" / "datatrove_filters.json").read_text("utf-8"))["texts"]
BATCH = Batch.of_texts([record["text"] for record in RECORDED])
FILTERS = ("gopher_quality_filter", "gopher_repetition_filter", "fineweb_quality_filter", "c4_quality_filter")
# The first bound that a text is outside of, by the reason that datatrove gives.
REASONS = {
    "gopher_short_doc": "below min_words",
    "gopher_above_avg_threshold": "above max_word_length",
    "gopher_too_many_hashes": "above max_hashes",
    "gopher_too_many_ellipsis": "above max_ellipses",
    "gopher_too_many_bullets": "above max_bullet_lines",
    "gopher_too_many_end_ellipsis": "above max_ellipsis_lines",
    "gopher_below_alpha_threshold": "below min_alpha_words",
    "dup_para_frac": "above max_dup_paragraphs",
    "dup_line_frac": "above max_dup_lines",
    "top_2_gram": "above max_top_2_gram",
    "top_3_gram": "above max_top_3_gram",
    "top_4_gram": "above max_top_4_gram",
    "duplicated_5_n_grams": "above max_dup_5_grams",
    "line_punct_ratio": "below min_ended_lines",
    "char_dup_ratio": "above max_dup_characters",
    "curly_bracket": "above max_curly_brackets",
    "lorem_ipsum": "above max_lorem_ipsum",
    "too_few_sentences": "below min_sentences",
}


def reasons(name: str, **parameters) -> list[str]:
    """Return why each text is dropped, "" if it is kept."""
    operator = registry.find(name)(**parameters)
    batch = registry.find("c4_lines_mapper")().apply(BATCH) if name.startswith("c4") else BATCH
    measured = pa.table(dict(operator.measure(batch)))
    columns = {key: key for key in measured.column_names}
    keep, reason = operator.condition.keep(columns), operator.condition.reason(columns)
    query = f"SELECT CASE WHEN {keep.text} THEN '' ELSE {reason.text} END FROM measured"
    with duckdb.connect() as connection:
        connection.register("measured", measured)
        return [row[0] for row in connection.execute(query, [*keep.parameters, *reason.parameters]).fetchall()]


@pytest.mark.parametrize("name", FILTERS)
def test_decisions_and_reasons_are_those_of_datatrove(name):
    found = reasons(name, tokenization="spacy")
    wanted = [record[name] for record in RECORDED]
    assert [why == "" for why in found] == [why == "" for why in wanted]
    for record, why, reason in zip(RECORDED, found, wanted, strict=True):
        # of a text without content, another bound may be the first; lorem ipsum comes with few sentences or without
        if reason in REASONS and record["text"].strip():
            assert why.startswith(REASONS[reason]), record["name"]


@pytest.mark.parametrize("name", FILTERS)
def test_words_by_a_pattern_decide_the_same_about_prose(name):
    by_pattern = dict(zip((record["name"] for record in RECORDED), reasons(name), strict=True))
    other = {record["name"] for record in RECORDED if (by_pattern[record["name"]] == "") != (record[name] == "")}
    assert other <= {"long words", "no stop words", "hashes", "numbers", "menu", "citations"}


def test_the_lines_that_c4_keeps_are_those_of_datatrove():
    texts = registry.find("c4_lines_mapper")().apply(BATCH).text.to_pylist()
    wanted = [(record["c4_text"], text) for record, text in zip(RECORDED, texts, strict=True) if record["c4_text"]]
    assert len(wanted) > 10
    assert all(theirs == ours for theirs, ours in wanted)


def test_a_reversed_range_keeps_what_is_outside_of_a_bound():
    kept = [
        why == ""
        for why in reasons(
            "c4_quality_filter", reversed_range=True, min_closed_interval=False, max_closed_interval=False
        )
    ]
    assert kept == [why != "" for why in reasons("c4_quality_filter")]
