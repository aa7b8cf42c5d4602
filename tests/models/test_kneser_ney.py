"""The estimator against its definition, by hand and through KenLM's own reader."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import kenlm
import pytest

from dj_assets.models.kneser_ney import arpa, estimate
from dj_assets.samples.grammar import Dice, Grammar

VOCABULARY_LIMIT = 1e-3


def sentences(seed: str, count: int = 800) -> list[list[str]]:
    g = Grammar.of("web", Dice(seed))
    return [g.sentence().split() for _ in range(count)]


def load(tmp_path: Path, order: int, prune: int) -> tuple[kenlm.Model, list[str]]:
    text = sentences("train")
    path = tmp_path / "m.arpa"
    path.write_text("\n".join((*arpa(estimate(text, order, prune)), "")))
    words = sorted({word for sentence in text for word in sentence})
    return kenlm.Model(str(path)), words


@pytest.mark.parametrize(("order", "prune"), [(2, 0), (3, 0), (3, 1), (4, 1)])
@pytest.mark.parametrize("history", [[], ["the"], ["of", "the"], ["never", "seen", "zzz"], ["you", "can"]])
def test_probabilities_given_a_history_sum_to_one(tmp_path: Path, order: int, prune: int, history: list[str]) -> None:
    model, words = load(tmp_path, order, prune)
    state, after = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    for word in history:
        model.BaseScore(state, word, after)
        state, after = after, kenlm.State()
    total = sum(10 ** model.BaseScore(state, word, kenlm.State()) for word in [*words, "</s>", "<unk>"])
    assert total == pytest.approx(1.0, abs=VOCABULARY_LIMIT)


def test_bigram_by_hand() -> None:
    # Counts of bigrams: "a b" 2, "<s> a" 3, "a c" 1, ...: discounts by Chen & Goodman's formulas, interpolated.
    model = estimate([["a", "b"], ["a", "b"], ["a", "c"]], order=2)
    # Bigrams seen once: a c, c </s>; twice: a b, b </s>; three times: <s> a. Y = 2 / (2 + 2 * 2) = 1/3.
    first = 1 - 2 * (1 / 3) * 2 / 2
    second = 2 - 3 * (1 / 3) * 1 / 2
    # Unigrams by distinct left neighbours: a 1, b 1, c 1, </s> 2: Y = 3 / (3 + 2) = 3/5.
    unigram_first, unigram_second = 1 - 2 * (3 / 5) * 1 / 3, 2 - 0
    uniform = 1 / 5
    left_over = (3 * unigram_first + unigram_second) / 5
    unigram_b = (1 - unigram_first) / 5 + left_over * uniform
    back_off = (first + second) / 3
    assert model.probability[0][("b",)] == pytest.approx(unigram_b)
    assert model.backoff[0][("a",)] == pytest.approx(back_off)
    assert model.probability[1][("a", "b")] == pytest.approx((2 - second) / 3 + back_off * unigram_b)


def test_pruned_models_are_smaller_and_word_order_matters(tmp_path: Path) -> None:
    text = sentences("train")
    full, pruned = (estimate(text, 3, prune) for prune in (0, 1))
    assert len(pruned.probability[2]) < len(full.probability[2])
    model, _ = load(tmp_path, 3, 0)
    held_out = sentences("held out", 100)
    shuffled = [Random(1).sample(sentence, len(sentence)) for sentence in held_out]
    ordered_ppl, shuffled_ppl = (
        10 ** -(sum(model.score(" ".join(s)) for s in some) / sum(len(s) + 1 for s in some))
        for some in (held_out, shuffled)
    )
    assert 10 < ordered_ppl < shuffled_ppl / 3


def test_too_little_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="too little text"):
        estimate([["a"]], order=2)


def test_arpa_counts_agree_with_its_sections() -> None:
    lines = list(arpa(estimate(sentences("train", 60), 3)))
    told = [int(line.split("=")[1]) for line in lines if line.startswith("ngram ")]
    starts = [lines.index(f"\\{n}-grams:") for n in (1, 2, 3)]
    ends = [*starts[1:], lines.index("\\end\\")]
    assert told == [
        sum(bool(x) for x in lines[a + 1 : b] if not x.startswith("\\")) for a, b in zip(starts, ends, strict=True)
    ]
    assert math.isclose(float(next(line for line in lines if "\t<s>\t" in line).split("\t")[0]), -99)
