"""The benchmarks, and their documents, that samples of a run share n-grams with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from dj_assets.operators.sql import Sql, quoted
from dj_assets.operators.text.decontamination_filter import DecontaminationFilter
from dj_assets.recipe.plan import Plan, Step

_DOCUMENTS = 12


@dataclass(frozen=True)
class FoundBenchmark:
    """A benchmark with the samples that share n-grams with it, those dropped for that, and its documents in them."""

    operator: str
    name: str
    samples: int
    dropped: int
    documents: int


@dataclass(frozen=True)
class FoundDocument:
    """A document of a benchmark, the number of samples it is in, and one of them with the shared n-gram."""

    benchmark: str
    id: str
    samples: int
    sample: str
    ngram: str
    coverage: float


def found_benchmarks(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[FoundBenchmark]:
    """Return the benchmarks that samples share n-grams with, by step; those named by a step come without samples."""
    query = """
        SELECT {benchmark}, count(*), count(dropped.row), count(DISTINCT {document})
        FROM stats LEFT JOIN dropped ON dropped.shard = stats.shard AND dropped.row = stats.row
            AND dropped.operator = {label}
        WHERE {ngrams} > 0 GROUP BY 1 ORDER BY 2 DESC, 1
    """
    found = []
    for step, operator in _steps(plan):
        rows = Sql.of(query, label=step.label, **_columns(step)).execute(connection).fetchall()
        found += [FoundBenchmark(step.label, *row) for row in rows]
        without = dict.fromkeys(named.label for named in operator.against).keys() - {row[0] for row in rows}
        found += [FoundBenchmark(step.label, name, 0, 0, 0) for name in sorted(without)]
    return found


def found_documents(connection: duckdb.DuckDBPyConnection, plan: Plan) -> list[FoundDocument]:
    """Return the documents of benchmarks that most samples share n-grams with, each with the sample that has most."""
    query = """
        SELECT {benchmark}, {document}, count(*), arg_max(id, {coverage}), arg_max({ngram}, {coverage}), max({coverage})
        FROM (SELECT * FROM stats WHERE {ngrams} > 0 ORDER BY shard, row) AS stats
        GROUP BY 1, 2 ORDER BY 3 DESC, 6 DESC, 1, 2 LIMIT {most}
    """
    found = []
    for step, _ in _steps(plan):
        rows = Sql.of(query, most=_DOCUMENTS, **_columns(step)).execute(connection).fetchall()
        found += [FoundDocument(*row) for row in rows]
    return found


def _steps(plan: Plan) -> Iterator[tuple[Step, DecontaminationFilter]]:
    for step in plan.filters:
        if isinstance(step.operator, DecontaminationFilter):
            yield step, step.operator


def _columns(step: Step) -> dict[str, Sql]:
    return {
        "ngrams": Sql(f"stats.{quoted(step.columns['contaminated_ngrams'])}"),
        **{
            name: Sql(f"stats.{quoted(step.columns[f'contamination_{name}'])}")
            for name in ("benchmark", "document", "ngram", "coverage")
        },
    }
