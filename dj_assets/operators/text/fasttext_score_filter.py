"""Filter texts by the probability that a fastText classifier gives to a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dj_assets.models import load
from dj_assets.models.fasttext_file import LABEL_PREFIX, UnreadableModelError, labels_of
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import RangeFilter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.views.text_views import lowered


@register("fasttext_score_filter")
class FasttextScoreFilter(RangeFilter):
    """Keep texts to which a fastText classifier (Joulin et al. 2016) gives a label with a probability within bounds.

    `model` is any `.bin` or `.ftz` file with labels, such as a classifier of quality, of mathematics or of toxic texts:
    its name in a folder of models, or an absolute path. `label` is given with or without `__label__`. Line feeds are
    replaced by `newline`; with `lowercase` the text is in lower case. A label that the classifier does not return has
    0.0; a probability may exceed 1.0 slightly.

    By default the probability of English by the language model that ships.
    """

    bounds = ("min_score", "max_score")
    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("fasttext_score", pa.float64(), "probability"),)
    language_key: ClassVar[str] = "label"

    model: str = Field("lid.176.bin", min_length=1)
    label: str = Field("en", min_length=1)
    min_score: float = 0.5
    max_score: float = 2.0
    lowercase: bool = False
    newline: str = " "

    def models(self) -> tuple[str, ...]:
        """Return the classifier."""
        return (self.model,)

    def languages(self, models: ModelStore) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the label, and the labels of the classifier; of another kind of file they are not known."""
        try:
            return (self._name,), tuple(map(_bare, labels_of(models.find(self.model).path)))
        except UnreadableModelError:
            return (), ()

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the probability of the label for every text."""
        classifier = load.fasttext(batch.models.find(self.model).path)
        texts = pc.replace_substring(lowered(batch) if self.lowercase else batch.text, "\n", self.newline)
        return {"fasttext_score": pa.array([self._score(classifier, text) for text in texts.to_pylist()], pa.float64())}

    def _score(self, classifier: load.TextClassifier, text: str) -> float:
        labels, scores = classifier.predict(text, -1)
        named = (float(score) for label, score in zip(labels, scores, strict=True) if _bare(label) == self._name)
        return next(named, 0.0)

    @property
    def _name(self) -> str:
        return _bare(self.label)


def _bare(label: str) -> str:
    return label.removeprefix(LABEL_PREFIX)
