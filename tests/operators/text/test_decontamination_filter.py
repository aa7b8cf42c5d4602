from __future__ import annotations

import re

import pytest

from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.reference_filter import Document
from dj_assets.operators.text.decontamination_filter import DecontaminationFilter

SUM = "Natalia sold clips to 48 of her friends in April."
DOCUMENTS = [
    Document("gsm", "g:0", SUM),
    Document("gsm", "g:1", "One, two three"),
    Document("zh", "z:0", "数据质量决定模型质量"),
    Document("zh", "z:1", "too short"),
]


def measured(*texts: str, documents=DOCUMENTS, **parameters) -> list[tuple]:
    operator = DecontaminationFilter(**{"ngram": 4, "min_words": 3, **parameters})
    columns = operator.measure_against(Batch.of_texts(list(texts)), operator.index(documents))
    return list(zip(*(columns[statistic.key].to_pylist() for statistic in operator.statistics), strict=True))


def words(text: str) -> list[str]:
    """Split a text in ASCII as the filter does."""
    return re.sub(r"[^a-z0-9\s]", "", text.lower()).split()


def test_words_are_compared_without_case_and_punctuation():
    text = "Hello. natalia SOLD\n clips, to!! 48 of you; one two -- three more"
    assert measured(text) == [(4, 9 / 12, 1.0, "gsm", "g:1", "natalia SOLD clips, to")]


def test_the_document_with_the_largest_share_is_named():
    assert measured(f"x {SUM} y")[0] == (7, 10 / 12, 1.0, "gsm", "g:0", "Natalia sold clips to")
    assert measured("He sold clips to 48 of them")[0][:4] == (2, 5 / 7, 2 / 7, "gsm")


def test_texts_that_share_nothing_have_no_values():
    nothing = (0, 0.0, 0.0, "", "", "")
    assert measured("clips to 48 her friends", "two three one", "", "too short") == [nothing] * 4
    assert measured(SUM, documents=[]) == [nothing]


def test_each_character_of_scripts_without_spaces_is_a_word():
    assert measured("模型很好。数据质量决定")[0] == (3, 6 / 10, 3 / 7, "zh", "z:0", "数据质量")


def test_the_values_are_those_of_sets_of_n_grams():
    size, texts = 3, [f"{SUM} And {n} more: in April of {n}, one two three." for n in range(20)]
    documents = [Document("b", str(n), f"in April of {n} one two") for n in range(0, 20, 3)]

    def ngrams(text: str) -> list[tuple]:
        split = words(text)
        return [tuple(split[k : k + size]) for k in range(len(split) - size + 1)]

    known = {document.id: set(ngrams(document.text)) for document in documents}
    every = set().union(*known.values())
    for text, found in zip(texts, measured(*texts, documents=documents, ngram=size), strict=True):
        assert found[0] == sum(ngram in every for ngram in ngrams(text))
        shares = {name: len(own & set(ngrams(text))) / len(own) for name, own in known.items()}
        assert found[2] == max(shares.values()) == shares[found[4]]


def test_equal_documents_make_equal_bytes():
    operator = DecontaminationFilter(ngram=4)
    assert operator.index(DOCUMENTS).tobytes() == operator.index(DOCUMENTS).tobytes()
    assert operator.index(DOCUMENTS).tobytes() != operator.index(DOCUMENTS[1:]).tobytes()


@pytest.mark.parametrize(
    ("against", "labels"),
    [
        ("data/gsm8k/test.jsonl", ["test"]),
        (["a/mmlu", {"path": "b", "name": "arc", "text_keys": "question"}], ["mmlu", "arc"]),
        ({"gsm8k": "x/test.jsonl", "mmlu": {"paths": ["y", "z"]}}, ["gsm8k", "mmlu"]),
    ],
)
def test_the_forms_in_which_a_recipe_names_benchmarks(against, labels):
    assert [named.label for named in DecontaminationFilter(against=against).against] == labels
