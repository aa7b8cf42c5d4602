from __future__ import annotations

import duckdb
import pytest

from dj_assets.operators.sql import Sql, bound, in_order, joined, literals, quoted


def rows(query: Sql) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return query.execute(connection).fetchall()


def test_parameters_follow_the_order_of_the_text() -> None:
    inner = Sql("SELECT range AS n FROM range(?)", (10,))
    query = Sql.of(
        "SELECT {label}, n FROM ({inner}) WHERE n BETWEEN {low} AND {low} + 1", low=4, inner=inner, label="x"
    )
    assert query.parameters == ("x", 10, 4, 4)
    assert rows(query) == [("x", 4), ("x", 5)]


@pytest.mark.parametrize("value", ["{low}", "'; DROP TABLE stats; --", '"', "?", "{"])
def test_a_value_is_never_read_as_sql(value: str) -> None:
    assert rows(Sql.of("SELECT {value}", value=value)) == [(value,)]
    assert rows(Sql.of("SELECT 1 AS {name}", name=Sql(quoted(value)))) == [(1,)]


def test_lists_are_bound_whole_or_one_by_one() -> None:
    assert rows(Sql.of("SELECT list_sum({values})", values=[1, 2, 3])) == [(6,)]
    assert rows(Sql.of("SELECT 2 IN ({values})", values=bound([1, 2, 3]))) == [(True,)]


def test_queries_are_joined_in_the_order_of_their_place() -> None:
    parts = [Sql("SELECT ? AS place, ?", (place, name)) for place, name in ((2, "b"), (1, "a"))]
    assert rows(in_order(parts)) == [(1, "a"), (2, "b")]
    assert joined(" AND ", [Sql("a = ?", (1,)), Sql("b = ?", (2,))]) == Sql("a = ? AND b = ?", (1, 2))


def test_a_name_without_a_part_is_an_error() -> None:
    with pytest.raises(KeyError, match="missing"):
        Sql.of("SELECT {missing}")


def test_texts_in_a_query_keep_their_quotes() -> None:
    texts = ["it's", "a ? {b}", ""]
    assert rows(Sql.of("SELECT {texts}", texts=literals(texts))) == [(texts,)]
