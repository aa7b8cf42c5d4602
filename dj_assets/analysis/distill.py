"""Learn a classifier of texts from the scores that a language model gave to some samples of a run.

The classifier is a linear model in the format of fastText. Its probability of the label `kept` estimates the score, so
it is compared with the scores of samples that it was not taught.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dj_assets.analysis.scored_texts import ScoredTexts
from dj_assets.errors import UserError
from dj_assets.evaluation.agreement import Agreement
from dj_assets.home.writing import replace_atomically
from dj_assets.models.fasttext_features import TextFeatures
from dj_assets.models.fasttext_writer import write_linear_classifier
from dj_assets.models.logistic_regression import SparseRows, cross_entropy, probabilities, regularised
from dj_assets.models.store import ModelStore
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import Range
from dj_assets.operators.text.fasttext_score_filter import FasttextScoreFilter

Doubles = npt.NDArray[np.float64]

LABEL, OTHER_LABEL = "kept", "dropped"
# With fewer scores, or fewer on either side of the bounds, an error cannot be distinguished from chance.
FEWEST_SCORES, FEWEST_OF_A_SIDE = 60, 5
HELD_OUT = 0.2
_CHOOSING = 0.2
_PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_DIGITS = 4


def _share(common: int, others: int) -> float | None:
    return common / (common + others) if common + others else None


@dataclass(frozen=True)
class Judged:
    """The judgements about held-out samples by bounds of the classifier, against those of the language model."""

    low: float | None
    high: float | None
    agreement: Agreement

    @property
    def precision(self) -> float | None:
        """Return the share of samples kept by the classifier that the model keeps; None if it keeps none."""
        return _share(self.agreement.both, self.agreement.second)

    @property
    def recall(self) -> float | None:
        """Return the share of samples kept by the model that the classifier keeps; None if there are none."""
        return _share(self.agreement.both, self.agreement.first)

    @property
    def dropped_precision(self) -> float | None:
        """Return the share of samples dropped by the classifier that the model drops; None if it drops none."""
        return _share(self.agreement.none, self.agreement.first)

    @property
    def dropped_recall(self) -> float | None:
        """Return the share of samples dropped by the model that the classifier drops; None if there are none."""
        return _share(self.agreement.none, self.agreement.second)


@dataclass(frozen=True)
class Distilled:
    """A classifier and its error on samples that it was not taught.

    `error` is the mean absolute difference of probability and score, `error_of_mean` that of the mean score of the
    taught samples. `same_bounds` has the bounds of the recipe, `fitted` those by which the classifier keeps as many of
    the samples that chose them as the language model. `usual_share` is the share of the more frequent judgement: the
    agreement of a classifier that always gives it. `texts_a_second` is the speed of the operator, one thread.
    """

    model: Path
    scored: ScoredTexts
    seed: int
    taught: int
    held_out: int
    penalty: float
    error: float
    error_of_mean: float
    same_bounds: Judged
    fitted: Judged
    usual_share: float
    texts_a_second: float


def distill(scored: ScoredTexts, path: Path, *, seed: int = 0) -> Distilled:
    """Learn a classifier from scores, write it, and judge the held-out fifth of the samples by the written file.

    Samples are divided by a hash of the seed and their text, so equal texts are on one side. Of those that are taught,
    a fifth chooses the penalty and the bounds; then all of them are taught with that penalty. The same scores and seed
    give the same file.

    Raises
    ------
    UserError
        If there are too few scores, too few of them on one side of the bounds, or the file cannot be written.
    """
    kept = np.array([scored.bounds.holds(score) for score in scored.scores])
    _require_enough(scored, kept)
    places = np.array([_place(seed, text) for text in scored.texts])
    held_out = places < HELD_OUT
    choosing = ~held_out & (places < HELD_OUT + (1 - HELD_OUT) * _CHOOSING)
    if held_out.all() or not held_out.any() or not choosing.any() or not (~held_out & ~choosing).any():
        raise UserError(f"{scored.subset}: nearly all scored samples have the same text; score other ones")
    targets = np.clip(np.array(scored.scores), 0, 1)
    penalty, low, high = _chosen(scored, targets, learned=~held_out & ~choosing, choosing=choosing)
    _write(path, _texts(scored, ~held_out), targets[~held_out], penalty)
    tested = _texts(scored, held_out)
    probability, speed = _judged(path, tested)
    truth = np.array(scored.scores)[held_out]
    bounds = scored.bounds
    return Distilled(
        path,
        scored,
        seed,
        int((~held_out).sum()),
        len(tested),
        penalty,
        float(np.abs(probability - truth).mean()),
        float(np.abs(np.array(scored.scores)[~held_out].mean() - truth).mean()),
        _compared(kept[held_out], probability, bounds.low, bounds.high),
        _compared(kept[held_out], probability, low, high),
        float(max(kept[held_out].mean(), 1 - kept[held_out].mean())),
        speed,
    )


def _require_enough(scored: ScoredTexts, kept: npt.NDArray[np.bool_]) -> None:
    name = f"{scored.subset}: {scored.operator}"
    if len(kept) < FEWEST_SCORES:
        raise UserError(
            f"{name} has {len(kept)} scores; {FEWEST_SCORES} are needed, so let the model judge more samples"
        )
    if min(kept.sum(), (~kept).sum()) < FEWEST_OF_A_SIDE:
        word, number = ("keeps", kept.sum()) if kept.sum() < FEWEST_OF_A_SIDE else ("drops", (~kept).sum())
        raise UserError(
            f"{name} {word} {number} of {len(kept)} scored samples; {FEWEST_OF_A_SIDE} are needed on each side,"
            " so move its bounds or let the model judge more samples"
        )


def _place(seed: int, text: str) -> float:
    """Return a number from 0 to 1 that depends on the seed and the text alone."""
    content = f"{seed} {text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=6).digest()) / 2**48


def _texts(scored: ScoredTexts, chosen: npt.NDArray[np.bool_]) -> list[str]:
    return [scored.texts[index] for index in np.flatnonzero(chosen).tolist()]


def _chosen(
    scored: ScoredTexts, targets: Doubles, *, learned: npt.NDArray[np.bool_], choosing: npt.NDArray[np.bool_]
) -> tuple[float, float | None, float | None]:
    """Return the penalty with the least cross entropy on other samples, and bounds that keep as many of these."""
    texts = _texts(scored, learned)
    features = TextFeatures.of(texts)
    rows, others = _sparse(features, texts), _sparse(features, _texts(scored, choosing))
    least, chosen, logits = np.inf, _PENALTIES[0], np.zeros(0)
    for penalty, weights in zip(_PENALTIES, regularised(rows, targets[learned], _PENALTIES), strict=True):
        given = others.times(weights)
        loss = cross_entropy(given, targets[choosing])
        if loss >= least:
            # a weaker penalty learns the taught samples by heart
            break
        least, chosen, logits = loss, penalty, given
    return chosen, *_fitted(scored.bounds, np.array(scored.scores)[choosing], probabilities(logits))


def _sparse(features: TextFeatures, texts: Sequence[str]) -> SparseRows:
    return SparseRows.of([features.rows(text) for text in texts], features.height)


def _fitted(bounds: Range, scores: Doubles, probability: Doubles) -> tuple[float | None, float | None]:
    """Return the bounds that have as many probabilities below and above as the given bounds have scores."""
    ordered = np.sort(probability)
    low = None if bounds.low is None else _between(ordered, int((scores < bounds.low).sum()), bounds.low)
    high = None if bounds.high is None else _between(ordered, int((scores <= bounds.high).sum()), bounds.high)
    return low, high


def _between(ordered: Doubles, below: int, otherwise: float) -> float:
    """Return a number above the first `below` ordered ones; `otherwise` if these are none or all."""
    if not 0 < below < len(ordered):
        return otherwise
    return round(float(ordered[below - 1] + ordered[below]) / 2, _DIGITS)


def _write(path: Path, texts: Sequence[str], targets: Doubles, penalty: float) -> None:
    features = TextFeatures.of(texts)
    rows = _sparse(features, texts)
    stronger = [other for other in _PENALTIES if other >= penalty]
    *_, weights = regularised(rows, targets, stronger)
    try:
        with replace_atomically(path) as temporary:
            write_linear_classifier(temporary, features, weights, (LABEL, OTHER_LABEL))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _judged(path: Path, texts: Sequence[str]) -> tuple[Doubles, float]:
    """Return the probability of every text by the operator that reads the file, and its texts a second."""
    operator = FasttextScoreFilter(model=str(path.absolute()), label=LABEL)
    batch = Batch.of_texts(list(texts), ModelStore(()))
    operator.measure(batch.slice(0, 1))
    # the time of this process alone: other programs may be using the core
    started = time.process_time()
    found = operator.measure(batch)["fasttext_score"]
    seconds = time.process_time() - started
    return np.asarray(found.to_numpy(zero_copy_only=False), np.float64), len(texts) / max(seconds, 1e-9)


def _compared(kept: npt.NDArray[np.bool_], probability: Doubles, low: float | None, high: float | None) -> Judged:
    keeps = Range("", low, high)
    pairs = zip(kept.tolist(), (keeps.holds(value) for value in probability.tolist()), strict=True)
    return Judged(low, high, Agreement.of(pairs))
