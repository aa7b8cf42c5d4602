"""Texts of a megabyte that are built against operators: below two seconds each, or quarantined in that time."""

from __future__ import annotations

import time
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.errors import SampleError
from dj_assets.operators import registry
from dj_assets.operators.kinds import links
from dj_assets.operators.text.clean_links_mapper import CleanLinksMapper
from dj_assets.operators.text.expand_macro_mapper import ExpandMacroMapper
from tests.hostile import texts
from tests.hostile.operators import run
from tests.operators.conftest import Bench, models

__all__ = ["models"]

# Texts that took an operator more than two seconds once, some of them hours, and texts of its own kind.
AGAINST = {
    "clean_email_mapper": ("address without end", "dashes and at", "noise of ASCII"),
    "clean_html_mapper": (
        "different attributes",
        "different attributes with ends",
        "different attributes of ends",
        "divs",
        "attributes of fonts",
        "random tags",
    ),
    "clean_ip_mapper": ("octets", "seven groups"),
    "clean_links_mapper": ("hosts", "scheme of names", "schemes", "parentheses of letters and pairs"),
    "document_line_deduplicator": ("different lines",),
    "document_minhash_deduplicator": ("different words",),
    "document_simhash_deduplicator": ("different words",),
    "character_repetition_filter": ("de Bruijn", "Fibonacci"),
    "expand_macro_mapper": ("names of macros", "new commands", "macros of macros"),
    "extract_tables_from_html_mapper": ("letters between cells", "closed tables in cells", "tables in cells"),
    "fix_unicode_mapper": (
        "marks of two classes",
        "marks in reverse order",
        "marks that decompose",
        "marks as entities",
        "marks as entities of entities",
        "entities without a bottom",
        "ampersands of numbers",
    ),
    "language_id_score_filter": ("different words", "noise of all planes"),
    "perplexity_filter": ("letters", "noise"),
    "remove_comments_mapper": ("percent words",),
    "remove_repeat_sentences_mapper": ("questions", "sentences of one letter"),
    "remove_table_text_mapper": ("rows of many cells", "cells in one line"),
    "sentence_split_mapper": ("abbreviations", "initials"),
    "text_action_filter": ("different words", "short words"),
    "text_chunk_mapper": ("line feeds",),
    "token_num_filter": ("letters", "spaces", "marks of two classes"),
    "word_repetition_filter": ("different words", "short words"),
}


@pytest.fixture
def warmed(bench: Bench, request: pytest.FixtureRequest) -> tuple[Any, Bench]:
    operator = registry.find(request.param)()
    bench.batch(operator, [])  # skips where a model is missing
    for text in ("A text, with http://a.bc/d a@b.cd <b>x</b>\n Ã© é 一 &amp;", texts.text("noise", 2000)):
        run(operator, text, bench.models)
    return operator, bench


@pytest.fixture
def bench(models: Any) -> Bench:
    return Bench(models)


@pytest.mark.parametrize(
    ("warmed", "name"), [(name, text) for name, chosen in AGAINST.items() for text in chosen], indirect=["warmed"]
)
def test_a_megabyte_takes_less_than_two_seconds(warmed: tuple[Any, Bench], name: str) -> None:
    operator, bench = warmed
    text = texts.text(name, 1_000_000)
    began = time.process_time()
    try:
        run(operator, text, bench.models)
    except SampleError as error:
        assert str(error)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", ["short words", "letters", "Fibonacci", "alternating", "questions"])
def test_long_ngrams_of_texts_that_repeat_themselves(bench: Bench, name: str) -> None:
    text = texts.text(name, 1_000_000)
    for operator in ("character_repetition_filter", "word_repetition_filter"):
        long = registry.find(operator)(rep_len=100_000)
        run(long, text[:1000], bench.models)
        began = time.process_time()
        run(long, text, bench.models)
        assert time.process_time() - began < 2


@pytest.mark.parametrize("operator", ["document_minhash_deduplicator", "document_simhash_deduplicator"])
def test_long_shingles_are_quarantined_or_few(bench: Bench, operator: str) -> None:
    long = registry.find(operator)(window_size=100_000)
    for name in ("initials", "tag without end"):
        began = time.process_time()
        with pytest.raises(SampleError, match="too many bytes in shingles of 100,000 units"):
            run(long, texts.text(name, 1_000_000), bench.models)
        assert time.process_time() - began < 2
    # fewer units than one shingle has
    run(long, "some words " * 45_000, bench.models)


def test_signs_and_long_words_do_not_occupy_the_parser(bench: Bench) -> None:
    operator = registry.find("text_action_filter")()
    # the model is loaded before the time is taken
    run(operator, "It reads.", bench.models)
    run_of_signs = texts.text("ampersands", 100_000)
    for text in (run_of_signs, texts.text("domain of dots", 100_000)):
        began = time.process_time()
        with pytest.raises(SampleError, match="characters without white space"):
            run(operator, text, bench.models)
        assert time.process_time() - began < 2
    run(operator, f"A rule {'-' * 200} parts {'一' * 2000} texts.", bench.models)


PARTS = "a b z 1 . - : / // ( ) (a) ' é _ % ſ K İ ! , www. http: a.bc/ ab:c 一 ， « x.com/".split()


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join), st.sampled_from(["", "X", r"<\g<0>>"]))
def test_links_in_long_words_are_those_of_the_pattern(word: str, repl: str) -> None:
    expression = regex.compile(links.PATTERN, CleanLinksMapper.default_flags | int(regex.DOTALL))
    for text in (word, word + "é" * links.SHORT, "é-" * links.SHORT + word):
        assert links.replaced(text, expression, repl) == expression.sub(repl, text)


@given(st.lists(st.sampled_from(["\\a", "\\ab", "a", "1", "é", " ", "\n", "{", "\\", "٣"]), max_size=30).map("".join))
def test_macros_are_expanded_as_by_a_pattern(body: str) -> None:
    head = "\\def\\a{<1>}\n"
    text = head + body
    [expanded] = ExpandMacroMapper().apply(_batch(text)).text.to_pylist()
    assert expanded == regex.sub(r"\\a([^a-zA-Z0-9])", r"<1>\1", text)


def _batch(text: str) -> Any:
    from dj_assets.operators.batch import Batch

    return Batch.of_texts([text])
