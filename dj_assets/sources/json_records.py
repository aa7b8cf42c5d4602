"""Convert JSON records to samples: take out the text, find an id, keep the other fields unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from dj_assets.sources import exact_json
from dj_assets.sources.blocks import Block, Parsed, Piece, RefusedError, Reject, invalid_utf8, refuse
from dj_assets.sources.column_types import ColumnTypes
from dj_assets.sources.fields import ID, SAMPLE_NAME, FieldObserver
from dj_assets.sources.shapes import InexactError, Shape, shape_of

Record = dict[str, object]

# Either may stand before a record: the separator of JSON text sequences (RFC 7464), and a byte order mark where files
# were joined.
_SEPARATOR, _BOM = b"\x1e", b"\xef\xbb\xbf"
_NULLS = b"\0 \t\r\n"

SCHEMA = pa.schema([("row", pa.int64()), ("id", pa.string()), ("text", pa.string()), ("fields", pa.string())])


class Sample(NamedTuple):
    """Hold the parts of a record: `fields` is its JSON with null in place of the text, `shape` is its shape."""

    id: str | None
    text: str
    fields: str
    shape: Shape


@dataclass
class _Samples:
    """Collect the columns of a block."""

    rows: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    observer: FieldObserver = field(default_factory=FieldObserver)

    def add(self, piece: Piece, name: str, sample: Sample) -> None:
        self.rows.append(piece.start + piece.row)
        self.ids.append(piece.id_in(name) if sample.id is None else sample.id)
        self.texts.append(sample.text)
        self.fields.append(sample.fields)
        self.observer.add(sample.shape)

    def batch(self) -> pa.RecordBatch:
        """Return the samples collected so far, as the columns of `Parsed.rows`."""
        return pa.RecordBatch.from_arrays(
            [
                pa.array(self.rows, pa.int64()),
                pa.array(self.ids, pa.string()),
                pa.array(self.texts, pa.string()),
                pa.array(self.fields, pa.string()),
            ],
            schema=SCHEMA,
        )


class NoTextError(RefusedError):
    """A record has no text; if the text key is missing, `keys` holds the keys of the record."""

    def __init__(self, problem: str, own_id: str | None, keys: tuple[str, ...] | None) -> None:
        super().__init__(problem, own_id, has_key=keys is None)
        self.keys = keys


class ElsewhereError(Exception):
    """A record belongs to another subset: it is neither a sample nor a reject here."""


def parse_records(block: Block, text_key: str, name: str, load: Callable[[Piece], Sample] | None = None) -> Parsed:
    """Return the samples of a block of records; `load` reads a record, by default as JSON."""
    samples = _Samples()
    rejects = list(block.rejects)
    seen: dict[str, None] = {}
    has_key = False
    left_out = 0
    for piece in block.pieces():
        try:
            samples.add(piece, name, load(piece) if load else read_record(piece.raw, text_key))
        except ElsewhereError:
            has_key = True
            left_out += 1
        except NoTextError as refused:
            has_key |= refused.has_key
            seen.update(dict.fromkeys(refused.keys or ()))
            own_id = piece.id_in(name) if refused.own_id is None else refused.own_id
            rejects.append(Reject(piece.whole_row, own_id, dropped=True, error=refused.problem))
        except RefusedError as refused:
            has_key |= refused.has_key
            rejects.append(refuse(piece, name, refused.problem, refused.own_id))
    missing = tuple(seen) if seen and not has_key and not samples.rows else None
    rejects.sort(key=lambda reject: reject.row)
    return Parsed(samples.batch(), rejects, ColumnTypes(samples.observer.types()), missing, left_out)


def read_record(raw: bytes, text_key: str, change: Callable[[Record], Record] | None = None) -> Sample:
    """Return the parts of one record, after a `change`.

    Raises
    ------
    RefusedError
        If it is not a JSON object in valid UTF-8, or its text is not a string.
    """
    try:
        return take_apart(orjson.loads(raw), text_key, change, exact=False)
    except (orjson.JSONDecodeError, InexactError):
        return take_apart(_loads_exact(raw), text_key, change, exact=True)


def take_apart(
    record: object,
    text_key: str,
    change: Callable[[Record], Record] | None = None,
    *,
    exact: bool = True,
) -> Sample:
    """Return the parts of a decoded record, after a `change`; see `read_record`."""
    if not isinstance(record, dict):
        raise RefusedError(f"the record is {exact_json.kind_of(record)}, not an object,")
    if change is not None:
        record = change(record)
    location = exact_json.text_location(record, text_key)
    if location is None:
        raise NoTextError(f"no key '{text_key}'", _own_id(record, exact=exact), tuple(record))
    holder, name = location
    text = holder[name]
    if text is None:
        raise NoTextError("no text", _own_id(record, exact=exact), None)
    if not isinstance(text, str):
        raise RefusedError(
            f"the text is {exact_json.kind_of(text)}, not a string,", _own_id(record, exact=exact), has_key=True
        )
    holder[name] = None
    shape = shape_of(record, exact=exact)
    return Sample(_own_id(record, exact=exact), text, exact_json.dumps(record, exact=exact), shape)


def _own_id(record: dict[str, object], *, exact: bool) -> str | None:
    value = record.get(SAMPLE_NAME)
    if isinstance(value, str):
        return value
    value = record.get(ID)
    return value if value is None or isinstance(value, str) else exact_json.dumps(value, exact=exact)


def _loads_exact(raw: bytes) -> Any:  # noqa: ANN401
    if not raw.strip(_NULLS):
        raise RefusedError("broken JSON (nothing but null bytes, as an interrupted writer leaves them)")
    try:
        return exact_json.loads_exact(raw.removeprefix(_SEPARATOR).removeprefix(_BOM))
    except UnicodeDecodeError as error:
        raise invalid_utf8(error) from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise RefusedError(f"lone surrogate {half} in a string, which is no valid text,") from None
    except json.JSONDecodeError as error:
        raise RefusedError(f"broken JSON ({error.msg}, {error.pos} characters into the record)") from None
    except ValueError as error:
        raise RefusedError(f"broken JSON ({error})") from None
