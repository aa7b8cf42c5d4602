"""Filter texts by language and by the probability of that language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from dj_assets.models import load
from dj_assets.models.fasttext_file import UnreadableModelError, labels_of
from dj_assets.models.store import ModelStore
from dj_assets.operators.base import Filter, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.conditions import All, Condition, OneOf, Range
from dj_assets.operators.registry import register
from dj_assets.operators.views.language import identified
from dj_assets.operators.views.text_views import lowered

MODEL = "lid.176.bin"


@register("language_id_score_filter")
class LanguageIdScoreFilter(Filter):
    """Keep texts in one of some languages (by default any) with a high enough fastText probability.

    The model is lid.176 (Joulin et al. 2016) over the lower-cased text as one line. An empty text has some language
    with a low score; a score may exceed 1.0 slightly. `reversed_range` reverses the test of the score only.
    """

    judging: ClassVar[frozenset[str]] = Filter.judging | {"lang", "min_score"}
    statistics: ClassVar[tuple[Statistic, ...]] = (
        Statistic("lang", pa.string(), "language code"),
        Statistic("lang_score", pa.float64(), "probability"),
    )

    lang: str | tuple[str, ...] = ""
    min_score: float = 0.8

    def models(self) -> tuple[str, ...]:
        """Return the language identification model."""
        return (MODEL,)

    def languages(self, models: ModelStore) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the languages to keep, and the labels of the model; of another kind of model they are not known."""
        named = self._named()
        try:
            return (named, labels_of(models.find(MODEL).path)) if named else ((), ())
        except UnreadableModelError:
            return (), ()

    def _named(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.lang,) if isinstance(self.lang, str) else self.lang))

    @property
    def condition(self) -> Condition:
        """Return the condition: a score within bounds and, if `lang` names any, one of these languages."""
        score = Range(
            key="lang_score",
            low=self.min_score,
            low_name="min_score",
            low_closed=self.min_closed_interval,
            high_closed=self.max_closed_interval,
            reversed=self.reversed_range,
        )
        langs = self._named()
        return All((OneOf("lang", langs), score)) if langs else score

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the language code and the probability of the most likely language of every text."""
        path = batch.models.find(MODEL).path
        texts = lowered(batch)
        languages, scores, unsure = identified(path, texts)
        if unsure.any():
            asked = [_asked(path, text) for text in texts.filter(pa.array(unsure)).to_pylist()]
            languages[unsure], scores[unsure] = [code for code, _ in asked], [score for _, score in asked]
        return {"lang": pa.array(languages, pa.string()), "lang_score": pa.array(scores)}


def _asked(path: Path, text: str) -> tuple[str, float]:
    """Query the library for the language of a lower-case text and its probability."""
    (label,), (score,) = load.fasttext(path).predict(text.replace("\n", " "))
    return label.removeprefix("__label__"), float(score)
