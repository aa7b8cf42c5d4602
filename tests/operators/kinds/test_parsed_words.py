"""The filters that parse language, and the sentence splitter."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dj_assets.errors import SampleError, UserError
from dj_assets.models import extras
from dj_assets.models.store import ModelStore
from dj_assets.operators.text.sentence_split_mapper import SentenceSplitMapper
from dj_assets.operators.text.text_action_filter import TextActionFilter
from dj_assets.operators.text.text_entity_dependency_filter import TextEntityDependencyFilter


def test_verbs_are_actions_and_special_tokens_no_words(bench: Any) -> None:
    texts = ["Tom plays piano.", "<__dj__image> Tom plays piano. <|__dj__eoc|>", "", "A quiet evening."]
    assert bench.measured(TextActionFilter(), *texts) == [1, 1, 0, 0]


def test_the_edges_of_nouns(bench: Any) -> None:
    one, nothing = bench.measured(TextEntityDependencyFilter(), "Tom plays piano.", "!!!")
    assert (one, nothing) == ([1, 1], [])


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, [True, True, False, False]),
        ({"min_dependency_num": 2}, [True, False, False, False]),
        ({"min_dependency_num": 2, "any_or_all": "any"}, [True, True, False, False]),
        ({"min_dependency_num": 2, "any_or_all": "any", "min_closed_interval": False}, [True, False, False, False]),
    ],
)
def test_any_or_all_edges(parameters: dict[str, Any], kept: list[bool]) -> None:
    condition = TextEntityDependencyFilter(**parameters).condition
    key = "num_dependency_edges"
    table = pa.table({key: pa.array([[2, 3], [1, 2], [], None], pa.list_(pa.int64()))})
    test, reason, value = (getattr(condition, part)({key: key}) for part in ("keep", "reason", "value"))
    with duckdb.connect() as database:
        database.register("stats", table)
        rows = database.execute(
            f"SELECT {test.text}, {reason.text}, {value.text} FROM stats",
            [*test.parameters, *reason.parameters, *value.parameters],
        ).fetchall()
    assert [row[0] for row in rows] == kept
    assert rows[2][2] is None


def test_a_text_too_long_for_the_parser(bench: Any) -> None:
    with pytest.raises(SampleError, match="1000001 characters, more than the 1000000"):
        bench.measured(TextActionFilter(), "a" * 1_000_001)


def test_a_text_of_too_many_words_is_not_parsed(bench: Any) -> None:
    text = "Tom plays piano. " * 3
    assert bench.measured(TextActionFilter(max_words=12), text) == [3]
    for most, counted in ((11, 12), (8, 9)):
        with pytest.raises(SampleError, match=f"{counted} words, more than the {most} that are parsed"):
            bench.measured(TextActionFilter(max_words=most), text)


def test_a_text_of_nothing_but_ends_is_not_split(bench: Any) -> None:
    with pytest.raises(SampleError, match="20001 ends of sentences in 60003 characters, too many"):
        bench.rewritten(SentenceSplitMapper(), "a! " * 20_001)
    prose = "It rained, and it rained again, and it did not stop. " * 20_100
    assert bench.rewritten(SentenceSplitMapper(), prose, "..." * 30_000)[0].count("\n") == 20_099


def test_one_sentence_a_line(bench: Any) -> None:
    text = "Dr. Adams left. The talk with Mr. Brown went on.\n\nIt rained."
    wanted = "Dr. Adams left.\nThe talk with Mr. Brown went on.\nIt rained."
    assert bench.rewritten(SentenceSplitMapper(), text, "") == [wanted, ""]


def test_no_clock_decides_about_a_long_text(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nltk import redos

    from dj_assets.models import load

    monkeypatch.setattr(redos, "DEFAULT_TIMEOUT", 0.001)
    load.punkt.cache_clear()
    [split] = bench.rewritten(SentenceSplitMapper(), "It rained. " * 20_000)
    assert split.split("\n") == ["It rained."] * 20_000


def test_each_language_has_its_model() -> None:
    assert SentenceSplitMapper(lang="fr").models() == ("punkt_tab/french",)
    assert TextActionFilter(lang="zh").models() == ("zh_core_web_md",)


def test_the_small_pipeline_stands_in_and_says_so() -> None:
    found = ModelStore(()).find("en_core_web_md")
    assert "small model" in found.note


def test_a_missing_package_comes_with_its_command() -> None:
    with pytest.raises(UserError, match=r"Please install no_such_parser: pip install 'dj_assets\[nlp\]'"):
        extras.require("no_such_parser", "nlp")
