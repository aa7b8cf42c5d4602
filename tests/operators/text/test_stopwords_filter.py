from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dj_assets.operators.text.stopwords_filter import StopwordsFilter


def test_share_of_stop_words(bench: Any) -> None:
    assert bench.measured(StopwordsFilter(), "", "The lantern of the harbour", "lantern") == [0.0, 0.6, 0.0]


def test_other_languages(bench: Any) -> None:
    assert bench.measured(StopwordsFilter(lang="de"), "der Leuchtturm und die Laterne") == [0.6]


def test_an_unknown_language_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(ValidationError, match="no language 'klingon'"):
        StopwordsFilter(lang="klingon")
