"""Dumps of Stack Exchange: the rows of Posts.xml become questions, each with its answers, best score first."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import orjson

from dj_assets.settings import BATCH_BYTES
from dj_assets.sources.blocks import Piece, Reject, lines_of, refuse
from dj_assets.sources.lines import Lines, LineSplitter, Overlong
from dj_assets.sources.sources import SourceFile
from dj_assets.sources.streams import Stream

if TYPE_CHECKING:
    import sqlite3

_QUESTION, _ANSWER = "1", "2"
_FRAME = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\b|/?posts\b)")
_POSTS_FILE = re.compile(r"[-_.]?posts(?:\.xml)?(?:\.gz|\.zst)?$", re.IGNORECASE)
_MAX_ID = 2**63


class Post(NamedTuple):
    """Hold a question or an answer; `thread` is the id of the question, `line` and `byte` are its position."""

    thread: int
    answer: bool
    score: int
    id: int
    line: int
    byte: int
    title: str
    body: str
    tags: str


def threads(stream: Stream, file: SourceFile, max_bytes: int) -> Iterator[Piece | Overlong | Reject]:
    """Yield every question with its answers as a JSON record, sorted by the id of the question.

    Rows that cannot be read come first: the dump is read once into a temporary database on the disk, which then returns
    the posts in order. Memory holds one thread. An answer without its question is refused. Posts that are neither
    question nor answer (wikis of tags, notices) do not become samples.
    """
    number = itertools.count()
    with tempfile.TemporaryDirectory(prefix="dj_posts_") as folder, closing(_database(folder)) as posts:
        yield from _store(posts, stream, file, max_bytes, number)
        rows = posts.execute("SELECT * FROM posts ORDER BY thread, answer, score DESC, id, line")
        for _, thread in itertools.groupby(map(Post._make, rows), key=lambda post: post.thread):
            yield from _thread(thread, file, number)


def site_of(file: SourceFile) -> str:
    """Return the site of a dump: its folder if the file is named Posts.xml, else the part of the name before it."""
    return _POSTS_FILE.sub("", file.path.name) or file.path.resolve().parent.name


def _database(folder: str) -> sqlite3.Connection:
    import sqlite3

    posts = sqlite3.connect(Path(folder) / "posts.sqlite", isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", "cache_size = -8192"):
        posts.execute(f"PRAGMA {pragma}")
    posts.execute(f"CREATE TABLE posts ({', '.join(Post._fields)})")
    return posts


def _store(
    posts: sqlite3.Connection, stream: Stream, file: SourceFile, max_bytes: int, number: Iterator[int]
) -> Iterator[Overlong | Reject]:
    """Write every readable post to the database; yield the rows that cannot be read."""
    insert = f"INSERT INTO posts VALUES ({', '.join('?' * len(Post._fields))})"  # noqa: S608 - only question marks
    for run in LineSplitter(stream, BATCH_BYTES, max_bytes):
        if isinstance(run, Overlong):
            yield run._replace(at=run.at._replace(row=next(number)))
            continue
        for piece in _rows(run):
            try:
                post = _post(piece)
            except ValueError as error:
                yield refuse(piece._replace(row=next(number)), file.path.name, f"broken row ({error})")
            else:
                if post:
                    posts.execute(insert, post)


def _rows(run: Lines) -> Iterator[Piece]:
    for piece in lines_of(run.payload, run.first_row, run.first_byte):
        if not _FRAME.match(piece.raw):
            yield piece


def _post(piece: Piece) -> Post | None:
    """Return the post of one line, None if it is neither question nor answer."""
    try:
        row = ElementTree.fromstring(piece.raw.strip()).attrib  # noqa: S314 - one element without a DTD
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    kind = row.get("PostTypeId")
    if kind not in {_QUESTION, _ANSWER}:
        if kind is None:
            raise ValueError("no PostTypeId")
        return None
    answer = kind == _ANSWER
    missing = [name for name in ("Id", "Body", *(["ParentId"] if answer else [])) if name not in row]
    if missing:
        raise ValueError(f"no {missing[0]}")
    post_id, score = _whole(row["Id"]), _whole(row.get("Score", "0"))
    thread = _whole(row["ParentId"]) if answer else post_id
    texts = (row.get("Title", ""), row["Body"], row.get("Tags", ""))
    return Post(thread, answer, score, post_id, piece.line or 0, piece.byte, *texts)


def _whole(digits: str) -> int:
    number = int(digits)
    if not -_MAX_ID <= number < _MAX_ID:
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _thread(posts: Iterable[Post], file: SourceFile, number: Iterator[int]) -> Iterator[Piece | Reject]:
    question: Post | None = None
    answers = []
    for post in posts:
        if post.answer and question is not None:
            answers.append(post)
        elif question is None and not post.answer:
            question = post
        else:
            problem = f"the answer to question {post.thread}, which is missing," if post.answer else "given twice"
            at = Piece(next(number), post.byte, post.line, b"")
            yield refuse(at, file.path.name, f"post {post.id}: {problem}", str(post.id))
    if question is not None:
        record = orjson.dumps(_record(question, answers, site_of(file)))
        yield Piece(next(number), question.byte, question.line, record)


def _record(question: Post, answers: list[Post], site: str) -> dict[str, object]:
    asked = f"{question.title}\n\n{question.body}" if question.title else question.body
    text = "\n\n".join([f"Q: {asked}", *(f"A: {answer.body}" for answer in answers)])
    meta = {
        "site": site,
        "question_id": question.id,
        "question_score": question.score,
        "answers": len(answers),
        "tags": re.findall(r"[^<>|]+", question.tags),
    }
    return {"id": str(question.id), "text": text, "meta": meta}
