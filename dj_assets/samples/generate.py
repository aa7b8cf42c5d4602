"""Write the sample data: `python -m dj_assets.samples.generate [FOLDER]`. The same seed gives the same bytes."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dj_assets.samples import defects, pages
from dj_assets.samples.damaged import damaged_files
from dj_assets.samples.grammar import Dice, Grammar
from dj_assets.samples.raw import raw_files
from dj_assets.samples.subsets import SUBSETS, Contents, Document

SEED = "2023"
# Each kind of blemish is given to one in this number of ordinary documents.
_BLEMISHED_ONE_IN = 25
_BROKEN_JSON = b'{"text": "This record was cut off in the middle of a wo'
_INVALID_UTF8 = b'{"text": "A record with a byte that no UTF-8 has: \xff\xfe", "meta": {}}'


@dataclass
class Entry:
    """Hold one future line: its position in the order (0 to 1), its content, and its planted defect."""

    position: float
    line: bytes
    planted: str = ""


def documents(subset: str, count: int, seed: str = SEED) -> Iterator[Document]:
    """Yield `count` ordinary documents of a subset, without defects: text and metadata."""
    contents = SUBSETS[subset]
    for index in range(count):
        yield contents.make(Dice(f"{seed}/{subset}/{index}"), index)


def sample(subset: str) -> tuple[bytes, dict[str, list[int]]]:
    """Return the JSON lines of a subset's sample file, and the lines (from 0) of each kind of defect."""
    entries = sorted(_entries(subset, SUBSETS[subset]), key=lambda entry: entry.position)
    planted: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.planted:
            planted.setdefault(entry.planted, []).append(number)
    return b"".join(entry.line + b"\n" for entry in entries), dict(sorted(planted.items()))


def write(folder: Path) -> None:
    """Write every subset as `<subset>.jsonl.gz`, the raw corpora, and `planted.json`, which lists the defects.

    For subsets, it lists the lines of each kind of defect; for raw corpora, the number of defects.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, counts = raw_files(SEED, _gzipped)
    planted: dict[str, dict[str, list[int]] | dict[str, int]] = {}
    for subset in SUBSETS:
        lines, planted[subset] = sample(subset)
        files[f"{subset}.jsonl.gz"] = _gzipped(lines)
    files |= damaged_files(SEED, _gzipped)
    planted.update(counts)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    rows = (f"{json.dumps(subset)}: {json.dumps(kinds)}" for subset, kinds in planted.items())
    (folder / "planted.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


def _entries(subset: str, contents: Contents) -> Iterator[Entry]:
    dice = Dice(f"{SEED}/{subset}/defects")
    plain: list[tuple[float, str, dict[str, object]]] = []
    for index, (text, meta) in enumerate(documents(subset, contents.documents)):
        position = dice.between(0, 700_000) / 1e6
        kind = dice.pick(sorted(defects.BLEMISHES)) if dice.below(_BLEMISHED_ONE_IN) < len(defects.BLEMISHES) else ""
        if kind:
            yield Entry(position, _line(subset, contents, index, defects.BLEMISHES[kind](dice, text), meta), kind)
        else:
            plain.append((position, text, meta))
            yield Entry(position, _line(subset, contents, index, text, meta))
    yield from _copies(subset, contents, dice, plain)
    yield from _rubbish(subset, contents, dice)


def _copies(
    subset: str, contents: Contents, dice: Dice, plain: list[tuple[float, str, dict[str, object]]]
) -> Iterator[Entry]:
    """Yield exact and near duplicates, each after its original."""
    # Near duplicates copy the longest documents: one word changes too many bits of a simhash of few shingles.
    near = sorted(plain, key=lambda document: -len(document[1]))[: contents.near_duplicates]
    exact = dice.shuffled([document for document in plain if document not in near])[: contents.duplicates]
    for number, (position, text, meta) in enumerate([*exact, *near]):
        is_near = number >= len(exact)
        copied = defects.near_duplicate(dice, text) if is_near else text
        later = position + (1 - position) * dice.between(1, 999) / 1000
        line = _line(subset, contents, 10_000 + number, copied, meta)
        yield Entry(later, line, "near_duplicate" if is_near else "duplicate")


def _rubbish(subset: str, contents: Contents, dice: Dice) -> Iterator[Entry]:
    g = Grammar.of(contents.domain, dice)
    texts: list[tuple[str, str | None]] = [
        (kind, defects.RUBBISH[kind](dice, g)) for kind, count in contents.rubbish.items() for _ in range(count)
    ]
    texts += [("navigation", pages.navigation(dice, index)[0]) for index in range(contents.navigation)]
    if contents.very_long:
        texts.append(("very_long", defects.very_long(contents.very_long)(dice, g)))
    texts += [("null", None), ("empty", "")]
    for number, (kind, text) in enumerate(texts):
        _, meta = contents.make(dice, 20_000 + number)
        yield Entry(dice.between(0, 1_000_000) / 1e6, _line(subset, contents, 20_000 + number, text, meta), kind)
    if contents.broken_lines:
        yield Entry(dice.between(0, 1_000_000) / 1e6, _BROKEN_JSON, "broken_json")
        yield Entry(dice.between(0, 1_000_000) / 1e6, _INVALID_UTF8, "invalid_utf8")


def _line(subset: str, contents: Contents, index: int, text: str | None, meta: dict[str, object]) -> bytes:
    record: dict[str, object] = {"id": f"{subset}-{index:05}"} if contents.own_id else {}
    return json.dumps({**record, contents.text_key: text, "meta": meta}, ensure_ascii=False).encode()


def _gzipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
