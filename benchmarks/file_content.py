"""The content of a file of a data home, to be compared: rows, a JSON value or lines, without what changes every run."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

DATABASE = ".duckdb"

# Times, the machine that was used, and checksums of documents with times and paths: they change from run to run.
VOLATILE = frozenset(
    {"seconds", "finished", "mtime_ns", "run_id", "nodes", "blocks_by_node", "peak_rss_mb", "worker_mb", "checksum"}
)

# The parts of a manifest that say what came out; the others say where, when and by what.
RUN_PARTS = {
    *("name", "process", "text_keys", "samples_in", "samples_out", "dropped", "quarantined", "dropped_by_load"),
    *("quarantined_by_load", "retention", "funnel", "conditional", "short_texts", "statistics", "missing_shards"),
}
SHARD_PARTS = {
    "shard",
    "sha256",
    "limit",
    "records",
    "rows",
    "dropped",
    "quarantined",
    "text_bytes",
    "left_out",
    "field_types",
}
DECISION_PARTS = {"counts", "funnel", "clusters", "near_pairs", "duplicates_against", "short_texts", "missing"}
# Of lists and objects in a manifest, the parts of each.
INNER_PARTS = {
    "refined": {"name", "shard", "samples"},
    "against": {"samples", "dropped"},
    "outcomes": {"shard", "kept", "duplicates"},
}

_TEXTS = {".html", ".md", ".txt", ".yaml", ".csv"}
_LINES = {".jsonl", ".jsonl.gz", ".jsonl.zst"}
# In texts for people: ids of runs, times, folders, and how long, how large and on which machine.
_CHANGING = (
    (re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}"), "RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z| UTC)?"), "TIME"),
    (re.compile(r"(?<![\w<:/.])/(?:[\w.+ -]+/)*(?=[\w.+-]+/[\w.+-]+)"), ""),
    (re.compile(r"\b[\d.,]+ (ms|s|min|h)\b"), "SECONDS"),
    (re.compile(r"(?:\w+ SECONDS, )+\w+ SECONDS"), "SECONDS"),
    (re.compile(r"\d+ on [\w.-]+, peak memory [\d.,]+ MB"), "MACHINE"),
)
_SHOWN = 60


@dataclass(frozen=True)
class Rows:
    """The rows of a table; of a database they come in no order."""

    table: pa.Table
    ordered: bool = True

    def difference(self, other: Rows) -> str:
        """Return what differs: columns, their types, or how many rows and the first of them; nothing where equal."""
        if not self.table.schema.equals(other.table.schema):
            return _schema_difference(self.table.schema, other.table.schema)
        before, after = self._digests(), other._digests()
        lost, gained = Counter(before) - Counter(after), Counter(after) - Counter(before)
        if not lost and not gained:
            return "" if before == after or not self.ordered else "the same rows in another order"
        first = self.table.slice(_index(before, lost), 1), other.table.slice(_index(after, gained), 1)
        counted = f"{lost.total()} of {len(before)} rows only in OLD, {gained.total()} of {len(after)} only in NEW"
        return f"{counted}; {_first_difference(*first)}"

    def _digests(self) -> list[bytes]:
        return [
            hashlib.sha256(repr(list(row.values())).encode("utf-8", "surrogatepass")).digest()
            for batch in self.table.to_batches(max_chunksize=1024)
            for row in batch.to_pylist()
        ]


@dataclass(frozen=True)
class Value:
    """A JSON value."""

    value: object

    def difference(self, other: Value) -> str:
        """Return the first value that differs, both as they are; nothing where equal."""
        return next(_differences("", self.value, other.value), "")


@dataclass(frozen=True)
class Lines:
    """The lines of a text."""

    lines: list[str]

    def difference(self, other: Lines) -> str:
        """Return the first line that differs; nothing where equal."""
        for number, (old, new) in enumerate(itertools.zip_longest(self.lines, other.lines), 1):
            if old != new:
                return f"line {number}: {_brief(old)} in OLD, {_brief(new)} in NEW"
        return ""


@dataclass(frozen=True)
class Bytes:
    """A file that has no content but its bytes."""

    size: int

    def difference(self, other: Bytes) -> str:
        """Return the sizes: it is asked only where bytes differ."""
        return f"other bytes ({self.size:,} in OLD, {other.size:,} in NEW)"


Content = Rows | Value | Lines | Bytes


def difference(old: Content, new: Content) -> str:
    """Return what differs between the contents of two files of one name; nothing where they are equal."""
    match old, new:
        case (Rows(), Rows()) | (Value(), Value()) | (Lines(), Lines()) | (Bytes(), Bytes()):
            return old.difference(new)  # type: ignore[arg-type]
    return "another kind of file"


def contents(path: Path) -> dict[str, Content]:
    """Return the content of a file under the name ""; of a database that of every table under its name."""
    name = path.name
    if path.suffix == DATABASE:
        return _tables(path)
    if path.suffix == ".parquet":
        return {"": Rows(pq.read_table(path).replace_schema_metadata(None))}
    if path.suffix == ".json":
        return {"": Value(_plain(_named_parts(path, json.loads(path.read_text("utf-8")))))}
    if any(name.endswith(ending) for ending in _LINES):
        opened: Any = {".gz": gzip.open, ".zst": zstandard.open}.get(path.suffix, open)
        with opened(path, "rt", encoding="utf-8") as lines:
            return {"": Lines(list(lines))}
    if path.suffix in _TEXTS:
        return {"": Lines(_without_times(path.read_text("utf-8")).splitlines())}
    return {"": Bytes(path.stat().st_size)}


def _tables(path: Path) -> dict[str, Content]:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        tables = {name: connection.sql(f'SELECT * FROM "{name}"').to_arrow_table() for name in names}
    content: dict[str, Content] = {name: Rows(table, ordered=False) for name, table in tables.items()}
    if "funnel" in tables:
        content["funnel"] = Rows(tables["funnel"].drop_columns(["seconds"]), ordered=False)
    if "runs" in tables:
        manifests = [json.loads(manifest) for manifest in tables["runs"]["manifest"].to_pylist()]
        content["runs"] = Value(_plain([_parts(manifest, RUN_PARTS) for manifest in manifests]))
    return content


def _named_parts(path: Path, value: object) -> object:
    """Return of a manifest the parts that say what came out, of any other file all."""
    named = {"runs": RUN_PARTS, "shards": SHARD_PARTS, "decision": DECISION_PARTS}.get(path.parent.name)
    named = RUN_PARTS if path.name == "run.json" else named
    return value if named is None or not isinstance(value, dict) else _parts(value, named)


def _parts(manifest: Mapping[str, Any], named: set[str]) -> dict[str, Any]:
    inner = {
        name: [_only(entry, INNER_PARTS[name]) for entry in value]
        if isinstance(value, list)
        else _only(value, INNER_PARTS[name])
        for name, value in manifest.items()
        if name in INNER_PARTS
    }
    return _only(manifest, named) | inner


def _only(value: Mapping[str, Any], named: set[str]) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name in named}


def _plain(value: object) -> object:
    """Return a JSON value without times, and with the last two parts alone of every path.

    An object with paths for keys becomes a list of pairs: two of its paths may end alike.
    """
    if isinstance(value, dict):
        kept = {key: _plain(part) for key, part in value.items() if key not in VOLATILE}
        if any(key.startswith("/") for key in kept):
            return sorted([_path(key), part] for key, part in kept.items())
        return kept
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return _path(value) if isinstance(value, str) else value


def _path(text: str) -> str:
    return "/".join(text.split("/")[-2:]) if text.startswith("/") else text


def _without_times(text: str) -> str:
    for changing, instead in _CHANGING:
        text = changing.sub(instead, text)
    return text


def _differences(where: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            inside = f"{where}.{key}" if where else key
            if key not in old or key not in new:
                yield f"{inside}: missing in {'NEW' if key in old else 'OLD'}"
            else:
                yield from _differences(inside, old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{where}: {len(old)} entries in OLD, {len(new)} in NEW"
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _differences(f"{where}[{index}]", before, after)
    # NaN equals NaN
    elif type(old) is not type(new) or (old != new and not (old != old and new != new)):  # noqa: PLR0124
        yield f"{where}: {_brief(old)} in OLD, {_brief(new)} in NEW"


def _schema_difference(old: pa.Schema, new: pa.Schema) -> str:
    before, after = ({field.name: str(field.type) for field in schema} for schema in (old, new))
    return next(_differences("columns", before, after), "columns in another order")


def _index(digests: list[bytes], wanted: Counter[bytes]) -> int:
    return next((index for index, digest in enumerate(digests) if digest in wanted), len(digests))


def _first_difference(old: pa.Table, new: pa.Table) -> str:
    """Return which columns of two rows differ; where one of them is not there, the other."""
    (before,), (after,) = (table.to_pylist() or [None] for table in (old, new))
    if before is None or after is None:
        return f"first {_brief(before or after)}"
    changed = [
        f"{name} {_brief(before[name])} in OLD, {_brief(after[name])} in NEW"
        for name in before
        if repr(before[name]) != repr(after[name])
    ]
    return f"first {'; '.join(changed)}"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
