from __future__ import annotations

from typing import Any

import pytest

from dj_assets.operators.conditions import All, OneOf, Range
from dj_assets.operators.text.language_id_score_filter import LanguageIdScoreFilter

ENGLISH = "The committee will publish its report on the harbour next week."


def test_language_and_score(bench: Any) -> None:
    made = LanguageIdScoreFilter()
    found = made.measure(bench.batch(made, [ENGLISH, "数据质量决定模型质量", ""]))
    assert found["lang"].to_pylist() == ["en", "zh", "en"]
    sure, _, empty = found["lang_score"].to_pylist()
    assert sure > 0.8
    assert empty == pytest.approx(0.1245, abs=1e-3)


def test_case_and_line_feeds_do_not_matter(bench: Any) -> None:
    made = LanguageIdScoreFilter()
    found = made.measure(bench.batch(made, [ENGLISH.upper().replace(" ", "\n"), ENGLISH]))
    assert len(set(found["lang_score"].to_pylist())) == 1


def test_without_a_language_only_the_score_judges() -> None:
    assert isinstance(LanguageIdScoreFilter().condition, Range)
    assert isinstance(LanguageIdScoreFilter(lang=[]).condition, Range)


@pytest.mark.parametrize(("lang", "values"), [("en", ("en",)), (["en", "zh"], ("en", "zh"))])
def test_languages_are_judged_not_reversed(lang: Any, values: tuple[str, ...]) -> None:
    condition = LanguageIdScoreFilter(lang=lang, reversed_range=True).condition
    assert isinstance(condition, All)
    assert condition.parts[0] == OneOf("lang", values)
    assert condition.parts[1].reversed


def test_the_languages_do_not_measure() -> None:
    assert LanguageIdScoreFilter(lang="fr").measuring_parameters() == LanguageIdScoreFilter().measuring_parameters()
