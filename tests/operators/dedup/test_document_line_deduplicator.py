from __future__ import annotations

import hashlib

import numpy as np
import pytest
from pydantic import ValidationError

from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_line_deduplicator import DocumentLineDeduplicator


def keys(*texts: str, **parameters) -> list[list[int]]:
    return DocumentLineDeduplicator(**parameters).count(Batch.of_texts(list(texts))).to_pylist()


def test_a_key_is_the_start_of_the_md5_of_the_stripped_line():
    [[key]] = keys(" \ta line \r")
    assert key == int(hashlib.md5(b"a line").hexdigest()[:16], 16)


def test_a_line_counts_once_a_text():
    assert [len(own) for own in keys("one\ntwo\n one\none", "", "three")] == [2, 0, 1]


@pytest.mark.parametrize(
    ("switch", "line"),
    [
        ("skip_brackets", "});"),
        ("skip_markdown_headers", "## Contents"),
        ("skip_latex_env", "\\begin{figure}[t]"),
        ("skip_html_tags", "</div>"),
        ("skip_html_tags", '<a href="x">'),
    ],
)
def test_exempt_lines(switch, line):
    assert keys(line) == [[]]
    assert len(keys(line, **{switch: False})[0]) == 1


def test_what_only_resembles_an_exempt_line_is_counted():
    assert [len(own) for own in keys("a # b", "x });", "<b>bold</b>", "\\beginning", "< 3 >")] == [1] * 5


def test_short_lines_are_measured_without_their_ends():
    assert keys(" a \n\n") == [[]]
    assert len(keys(" a \n\n", min_line_length=1)[0]) == 1
    assert keys("ab", min_line_length=3) == [[]]


def test_what_does_not_matter():
    one, other = keys("Page 12: The-End", "page 7 the end")
    assert one != other
    one, other = keys("Page 12: The-End", "page 7 the end", lowercase=True, ignore_special_character=True)
    assert one == other


def test_frequent_lines_go_and_the_others_stay_as_they_are():
    operator = DocumentLineDeduplicator()
    batch = Batch.of_texts(["menu\n keep \n\nmenu", "menu", "other\r\n", "menu 2\n"])
    [[menu]] = keys("menu")
    frequent = np.array(sorted([menu, 0, 2**64 - 1]), np.uint64)
    assert operator.rewrite(batch, frequent).text.to_pylist() == [" keep \n", "", "other\r\n", "menu 2\n"]
    assert operator.apply(batch) is batch


def test_the_threshold_does_not_decide_what_is_counted():
    low, high = (DocumentLineDeduplicator(frequency_threshold=n) for n in (2, 9))
    assert low.counting_parameters() == high.counting_parameters()
    assert low.measuring_parameters() != high.measuring_parameters()
    with pytest.raises(ValidationError):
        DocumentLineDeduplicator(frequency_threshold=-1)
