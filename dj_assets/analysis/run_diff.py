"""The comparison of two runs, sample by sample: gained and lost samples by operator and reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import duckdb

from dj_assets.analysis.run_changes import paired_files
from dj_assets.errors import UserError
from dj_assets.home.identity import source_row
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, require_written
from dj_assets.home.run_manifest import RunManifest
from dj_assets.operators.sql import Sql, joined
from dj_assets.publish.database import reading, require_database
from dj_assets.publish.outcomes import RECORD_LOST, read_outcomes, record_file
from dj_assets.stores.copies import at_hand


@dataclass(frozen=True)
class Run:
    """A committed run: its folder and its manifest."""

    layout: Layout
    manifest: RunManifest

    @property
    def record(self) -> Path:
        """Return the path of the record of the samples' outcomes.

        Raises
        ------
        UserError
            If the record is damaged, or the run has none: it was made before records were kept, or is so old that its
            record was removed.
        """
        path = at_hand(record_file(self.layout, self.manifest.run_id))
        if not path.exists():
            raise UserError(
                f"{path}: the run has no record of the outcomes of its samples; it was made before records were kept, "
                "or is so old that its record was removed"
            )
        if self.manifest.record is not None:
            require_written(path, self.manifest.record, RECORD_LOST)
        return path


@dataclass(frozen=True)
class FateChange:
    """Samples that one operator ended for one reason.

    `before` and `now` count them in either run. `gained` counts those that were ended so before and are kept now;
    `lost` counts those that were kept before and are ended so now. The others have another operator or reason in the
    other run.
    """

    operator: str
    reason: str
    before: int
    now: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Moved:
    """A gained or lost sample: its id, its position, and what ended it in the run that does not keep it."""

    id: str
    path: str
    row: int
    gained: bool
    operator: str
    reason: str


@dataclass(frozen=True)
class RunDiff:
    """The differences between two runs: counts over the samples that both runs read, and a few of these samples.

    `only_before` and `only_now` count the samples of files or parts of files that only one of the runs read.
    """

    compared: int
    kept_before: int
    kept_now: int
    gained: int
    lost: int
    only_before: int
    only_now: int
    changes: tuple[FateChange, ...]
    examples: tuple[Moved, ...]


def diff_runs(before: Run, now: Run, examples: int = 3) -> RunDiff:
    """Compare two runs by their records; the result has at most `examples` samples of each change.

    Samples are the same where they are in the same row of files with the same content, whatever the paths of these
    files: the runs may be of two subsets.

    Raises
    ------
    UserError
        If a run has no record, or the two runs have no file in common.
    """
    with _joined(before, now) as connection:
        counts = _numbers(connection)
        if not counts["compared"]:
            raise UserError(
                f"{before.manifest.name} and {now.manifest.name}: the runs {before.manifest.run_id} and "
                f"{now.manifest.run_id} read no file in common, so there is nothing to compare"
            )
        changes = tuple(FateChange(*row) for row in connection.execute(_CHANGES).fetchall())
        rows = connection.execute(_EXAMPLES, [examples]).fetchall()
    return RunDiff(**counts, changes=changes, examples=_named(rows, before, now))


@contextmanager
def _joined(before: Run, now: Run) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the table `pairs`: one row for every sample of either run."""
    records = before.record, now.record
    pairs = paired_files(before.manifest.files, now.manifest.files)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE same (a INTEGER, b INTEGER)")
        if pairs:
            files = before.manifest.files, now.manifest.files
            numbers = [[files[0][a].number, files[1][b].number] for a, b in pairs.items()]
            connection.executemany("INSERT INTO same VALUES (?, ?)", numbers)
        for name, record in zip("ab", records, strict=True):
            connection.execute(f"CREATE TABLE outcomes_{name} {_OUTCOMES}")
            outcomes = [[code, *astuple(outcome)] for code, outcome in enumerate(read_outcomes(record))]
            connection.executemany(f"INSERT INTO outcomes_{name} VALUES (?, ?, ?, ?)", outcomes)  # noqa: S608 - fixed names
        connection.execute(_ENDS)
        connection.execute(_PAIRS, [str(record) for record in records])
        yield connection


_OUTCOMES = "(code SMALLINT, kind VARCHAR, operator VARCHAR, reason VARCHAR)"
# One number for an outcome in both runs, so that they can be compared.
_ENDS = """
CREATE TABLE ends AS
SELECT row_number() OVER () AS outcome, *
FROM (SELECT kind, operator, reason FROM outcomes_a UNION SELECT kind, operator, reason FROM outcomes_b)
"""
_PAIRS = """
CREATE TABLE pairs AS
WITH a AS (
    SELECT shard, b AS place, row, outcome FROM read_parquet($1) JOIN outcomes_a USING (code)
    JOIN ends USING (kind, operator, reason) LEFT JOIN same ON same.a = shard
), b AS (
    SELECT shard, row, outcome FROM read_parquet($2) JOIN outcomes_b USING (code)
    JOIN ends USING (kind, operator, reason)
)
SELECT a.shard AS a_shard, b.shard AS b_shard, coalesce(a.row, b.row) AS row, a.outcome AS before, b.outcome AS now
FROM a FULL OUTER JOIN b ON a.place = b.shard AND a.row = b.row
"""
_NUMBERS = """
SELECT count(*) FILTER (before IS NOT NULL AND now IS NOT NULL) AS compared,
       count(*) FILTER (before = kept AND now IS NOT NULL) AS kept_before,
       count(*) FILTER (now = kept AND before IS NOT NULL) AS kept_now,
       count(*) FILTER (before <> kept AND now = kept) AS gained,
       count(*) FILTER (before = kept AND now <> kept) AS lost,
       count(*) FILTER (now IS NULL) AS only_before,
       count(*) FILTER (before IS NULL) AS only_now
FROM pairs, (SELECT outcome AS kept FROM ends WHERE kind = 'kept')
"""
_CHANGES = """
WITH kept AS (SELECT outcome AS kept FROM ends WHERE kind = 'kept'),
same_samples AS (
    SELECT before, now, count(*) AS n FROM pairs WHERE before IS NOT NULL AND now IS NOT NULL GROUP BY ALL
),
sides AS (
    SELECT before AS outcome, n AS before, 0 AS now, CASE WHEN now = kept THEN n ELSE 0 END AS gained, 0 AS lost
    FROM same_samples, kept
    UNION ALL SELECT now, 0, n, 0, CASE WHEN before = kept THEN n ELSE 0 END FROM same_samples, kept
)
SELECT operator, CASE WHEN kind = 'quarantined' THEN 'quarantined' ELSE reason END AS why,
       sum(before)::BIGINT, sum(now)::BIGINT, sum(gained)::BIGINT AS gained, sum(lost)::BIGINT AS lost
FROM sides JOIN ends USING (outcome) WHERE kind <> 'kept' GROUP BY operator, why
HAVING sum(before) <> sum(now) OR sum(gained) > 0 OR sum(lost) > 0
ORDER BY sum(sides.gained) + sum(sides.lost) DESC, operator, why
"""
_EXAMPLES = """
WITH kept AS (SELECT outcome AS kept FROM ends WHERE kind = 'kept'),
moved AS (
    SELECT a_shard, b_shard, row, now = kept AS gained, CASE WHEN now = kept THEN before ELSE now END AS outcome
    FROM pairs, kept WHERE before IS NOT NULL AND now IS NOT NULL AND (before = kept) <> (now = kept)
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY gained, outcome ORDER BY b_shard, row) AS number,
           count(*) OVER (PARTITION BY gained, outcome) AS many
    FROM moved
)
SELECT a_shard, b_shard, row, gained, operator, CASE WHEN kind = 'quarantined' THEN 'quarantined' ELSE reason END
FROM numbered JOIN ends USING (outcome) WHERE number <= ? ORDER BY gained, many DESC, operator, reason, number
"""


def _numbers(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = connection.execute(_NUMBERS)
    names = [column[0] for column in rows.description or ()]
    return dict(zip(names, rows.fetchone() or (), strict=True))


def _named(rows: Sequence[tuple[Any, ...]], before: Run, now: Run) -> tuple[Moved, ...]:
    """Give samples their ids from a run that is still published, or else their file and row."""
    names = [_ids(run, [(row[side], row[2]) for row in rows]) for side, run in enumerate((before, now))]
    moved = []
    for a, b, row, gained, operator, reason in rows:
        path, own_row = now.manifest.file(b).position(source_row(row))
        name = names[1].get((b, row)) or names[0].get((a, row)) or f"{Path(path).name} row {own_row}"
        moved.append(Moved(name, path, row, gained, operator, reason))
    return tuple(moved)


def _ids(run: Run, positions: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    published = newest_run(run.layout)
    if not positions or published is None or published.run_id != run.manifest.run_id:
        return {}
    query = """
        WITH wanted AS (FROM (VALUES {positions}) AS w(shard, row))
        SELECT shard, row, id FROM stats JOIN wanted USING (shard, row)
        UNION SELECT shard, row, id FROM dropped JOIN wanted USING (shard, row)
        UNION SELECT shard, row, id FROM quarantine JOIN wanted USING (shard, row)
    """
    listed = joined(", ", [Sql("(?::INTEGER, ?::BIGINT)", position) for position in positions])
    require_database(run.layout, run.manifest)
    with reading(run.layout.database) as connection:
        rows = Sql.of(query, positions=listed).execute(connection).fetchall()
    return {(shard, row): name for shard, row, name in rows}
