from __future__ import annotations

import numpy as np
import pytest

from dj_assets.operators.base import ELSEWHERE
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_paragraph_deduplicator import DocumentParagraphDeduplicator
from dj_assets.operators.dedup.document_sentence_deduplicator import DocumentSentenceDeduplicator


def rewritten(operator, *texts: str) -> list[str]:
    """Rewrite texts as a corpus of one file: every key of two texts or more stays in the first of them."""
    batch = Batch.of_texts(list(texts))
    holders: dict[int, list[int]] = {}
    for row, keys in enumerate(operator.count(batch).to_pylist()):
        for key in keys:
            holders.setdefault(key, []).append(row)
    frequent = sorted((key, rows[0]) for key, rows in holders.items() if len(rows) > operator.frequency_threshold)
    return operator.rewrite(batch, np.array(frequent, np.uint64).reshape(-1, 2)).text.to_pylist()


ONE, TWO, THREE, FOUR = "It is one.", "Is it two?", '"It is three!"', "It is four."


def test_sentences_are_the_text_when_joined():
    text = f"{ONE} {TWO}\n\n{THREE} … and so on\nlast 12.5 line 你好。再见！” 好 "
    units = DocumentSentenceDeduplicator().units(text)
    assert "".join(units) == text
    assert [unit.strip() for unit in units] == [
        ONE, TWO, THREE, "…", "and so on", "last 12.5 line 你好。", "再见！”", "好",
    ]  # fmt: skip


def test_a_run_of_three_sentences_stays_where_it_is_first():
    run = f"{ONE} {TWO} {THREE}"
    texts = [f"A first. {run} A last.", f"{run} {FOUR}", f"{ONE} {TWO} {FOUR}", "Other."]
    assert rewritten(DocumentSentenceDeduplicator(), *texts) == [texts[0], FOUR, *texts[2:]]


def test_a_run_within_one_text_stays_once_and_whole():
    assert rewritten(DocumentSentenceDeduplicator(), f"{ONE} " * 5) == [f"{ONE} {ONE} {ONE}"]
    run = f"{ONE} {TWO} {THREE}"
    assert rewritten(DocumentSentenceDeduplicator(), f"{run} {FOUR} {run}", run) == [f"{run} {FOUR}", ""]


def test_the_first_text_may_be_in_another_file():
    operator = DocumentSentenceDeduplicator(num_sentences=1)
    batch = Batch.of_texts([f"{ONE} {TWO}"])
    keys = operator.count(batch).to_pylist()[0]
    elsewhere = np.array([[min(keys), ELSEWHERE]], np.uint64)
    assert operator.rewrite(batch, elsewhere).text.to_pylist() == [TWO if keys[0] == min(keys) else ONE]


def test_paragraphs_are_compared_as_in_ccnet():
    menu, same = "Menu 12: Café", "menu 07 — cafe"
    assert rewritten(DocumentParagraphDeduplicator(), f"{menu}\nA text", f"Another\n{same}\n\nend") == [
        f"{menu}\nA text",
        "Another\n\nend",
    ]
    exact = DocumentParagraphDeduplicator(normalize=False)
    assert rewritten(exact, f"{menu}\nA text", f"Another\n{same}") == [f"{menu}\nA text", f"Another\n{same}"]


@pytest.mark.parametrize(
    ("parameters", "left"), [({}, ["a b\n\nc", "d"]), ({"keep_first": False}, ["c", "d"]), ({"min_length": 9}, None)]
)
def test_parameters(parameters, left):
    texts = ["a b\n\nc", "A  B\n\nd"]
    operator = DocumentParagraphDeduplicator(separator="\n\n", normalize=False, lowercase=True, **parameters)
    assert rewritten(operator, *texts) == (left or texts)
