"""The table `generations` of a subset's database: one row for each call of a model that writes or paints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dj_assets.errors import UserError

TABLE = "generations"
_AT_ONCE = 10_000
_FORMATS = {".parquet": "FORMAT parquet", ".csv": "FORMAT csv, HEADER", ".jsonl": "FORMAT json"}
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("operator", pa.string()),
        ("prompt_version", pa.string()),
        ("model", pa.string()),
        ("system", pa.string()),
        ("prompt", pa.string()),
        ("images", pa.list_(pa.string())),
        ("sampling", pa.string()),
        ("attempt", pa.int32()),
        ("answer", pa.string()),
        ("error", pa.string()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("finish_reason", pa.string()),
        ("seconds", pa.float64()),
        ("asked", pa.float64()),
        ("facts", pa.string()),
    ]
)
Record = tuple[str, Mapping[str, Any]]


def add_generations(connection: duckdb.DuckDBPyConnection, records: Iterable[Record]) -> None:
    """Create the table in an open database, with a row for each kept call.

    `images` are checksums of pixels, `sampling` and `facts` are JSON, `asked` is the time in seconds since 1970. A call
    that failed has an error and no answer.
    """
    connection.register("none", SCHEMA.empty_table())
    connection.execute(f"CREATE TABLE {TABLE} AS SELECT * REPLACE (to_timestamp(asked) AS asked) FROM none")  # noqa: S608
    left = iter(records)
    while some := list(islice(left, _AT_ONCE)):
        connection.register("calls", pa.Table.from_pylist(list(_rows(some)), SCHEMA))
        connection.execute(f"INSERT INTO {TABLE} SELECT * REPLACE (to_timestamp(asked) AS asked) FROM calls")  # noqa: S608
    connection.unregister("none")


def export_calls(records: Iterable[Record], path: Path) -> None:
    """Write calls to a file of the format that its ending names, in the columns of the table.

    Raises
    ------
    UserError
        If the ending is none of `.parquet`, `.csv` and `.jsonl`, or the file cannot be written.
    """
    how = _FORMATS.get(path.suffix)
    if how is None:
        raise UserError(f"{path}: ends in none of {', '.join(_FORMATS)}; name the format by its ending")
    try:
        with duckdb.connect() as connection:
            add_generations(connection, records)
            target = str(path).replace("'", "''")
            connection.execute(f"COPY (FROM {TABLE} ORDER BY asked, key) TO '{target}' ({how})")
    except (duckdb.IOException, OSError) as error:
        raise UserError(f"{path}: cannot be written ({str(error).splitlines()[0]})") from None


def _rows(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for key, record in records:
        request, answer = record.get("request", {}), record.get("answer") or {}
        messages = request.get("messages", [])
        operator, _, version = request.get("prompt", "").partition("/")
        yield {
            "key": key,
            "operator": operator,
            "prompt_version": version,
            "model": request.get("model"),
            "system": next((content for role, content in messages if role == "system"), None),
            "prompt": messages[-1][1] if messages else None,
            "images": request.get("images", []),
            "sampling": json.dumps(request.get("sampling", {}), ensure_ascii=False),
            "attempt": request.get("attempt", 0),
            "answer": answer.get("text"),
            "error": record.get("error"),
            **{name: answer.get(name) for name in ("tokens_in", "tokens_out", "finish_reason", "seconds")},
            "asked": record.get("asked"),
            "facts": json.dumps(answer["facts"], ensure_ascii=False) if answer.get("facts") else None,
        }
