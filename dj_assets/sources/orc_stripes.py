"""Stripes of ORC files, read by another process: the library reads beyond its memory where a stripe is damaged.

ORC has no checksums, and pyarrow 26 ends by a segmentation fault on about one of a hundred damaged files. One process
reads for all tables that are opened here; it is started when it is first needed, and again after it died.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import copyfileobj
from typing import IO

import pyarrow as pa

from dj_assets.system import limited_memory

# A stripe is read within seconds; a damaged one may take for ever.
PATIENCE_S = 300
# Errors that damage raises; names of columns may be no UTF-8.
DAMAGED = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)

_ASKED, _ANSWERED = struct.Struct("<QQ"), struct.Struct("<cQ")
_BATCH, _ERROR, _MEMORY = b"b", b"e", b"m"
_CHUNK_BYTES = 1 << 20
_ORPHANED_S = 5


@contextmanager
def stripes(raw: IO[bytes], most_bytes: int) -> Iterator[Callable[[int], pa.RecordBatch]]:
    """Yield a function that returns a stripe of an ORC file by its number.

    The function raises `OSError` for a damaged stripe, and `MemoryError` for one that takes more than `most_bytes`.
    """
    with _as_file(raw) as file:
        yield lambda number: _Process.of_this_one().stripe(file.fileno(), number, most_bytes)


@contextmanager
def _as_file(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a file of this machine with the content."""
    try:
        raw.fileno()
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as copy:
            raw.seek(0)
            copyfileobj(raw, copy, _CHUNK_BYTES)
            copy.flush()
            yield copy
    else:
        yield raw


class _Process:
    """The process that reads for this one."""

    _known: dict[int, _Process] = {}  # noqa: RUF012 - by the id of the process that asks, which may be forked
    _finding = threading.Lock()

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of_this_one(cls) -> _Process:
        with cls._finding:
            return cls._known.setdefault(os.getpid(), cls())

    def stripe(self, file: int, number: int, most_bytes: int) -> pa.RecordBatch:
        """Return a stripe of an open file."""
        with self._asking:
            # both processes read at the same position of the same open file
            at = os.lseek(file, 0, os.SEEK_CUR)
            line = self._line or self._started()
            try:
                socket.send_fds(line, [_ASKED.pack(number, most_bytes)], [file])
                kind, size = _ANSWERED.unpack(_received(line, _ANSWERED.size))
                content = _received(line, size)
                os.lseek(file, at, os.SEEK_SET)
            except OSError as error:
                raise OSError(f"stripe {number} cannot be read: {self._ended(error)}") from None
        if kind == _MEMORY:
            raise MemoryError
        if kind == _ERROR:
            raise OSError(content.decode("utf-8", "replace"))
        with pa.ipc.open_stream(pa.py_buffer(content)) as stream:
            return stream.read_next_batch()

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: a module in the current folder, where data may be, is not imported
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=(theirs.fileno(),),
            )
        ours.settimeout(PATIENCE_S)
        self._line = ours
        return ours

    def _ended(self, error: OSError) -> str:
        """End the process; return why no answer came."""
        assert self._line is not None  # noqa: S101 - it was asked
        assert self._process is not None  # noqa: S101
        self._line.close()
        self._line = None
        if isinstance(error, TimeoutError):
            self._process.kill()
        code = self._process.wait()
        return f"no end after {PATIENCE_S} s" if isinstance(error, TimeoutError) else f"its reader died ({code})"


def _received(line: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view, at = memoryview(content), 0
    while at < size:
        count = line.recv_into(view[at:])
        if not count:
            raise ConnectionResetError
        at += count
    return content


def serve(descriptor: int) -> None:
    """Answer requests for stripes until the process that started this one is gone."""
    parent = os.getppid()
    with socket.socket(fileno=descriptor) as line:
        while os.getppid() == parent:
            if not select.select([line], [], [], _ORPHANED_S)[0]:
                continue
            asked, files, *_ = socket.recv_fds(line, _ASKED.size, 1)
            if not asked:
                return
            kind, content = _answer(files[0], *_ASKED.unpack(asked))
            line.sendall(_ANSWERED.pack(kind, len(content)))
            line.sendall(content)


def _answer(file: int, number: int, most_bytes: int) -> tuple[bytes, bytes | pa.Buffer]:
    from pyarrow import orc

    try:
        with os.fdopen(file, "rb") as raw, limited_memory(most_bytes):
            batch = orc.ORCFile(raw).read_stripe(number)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return _BATCH, sink.getvalue()
    except MemoryError:
        return _MEMORY, b""
    except DAMAGED as error:
        # the library of ORC has no error of its own for too little memory
        return (_MEMORY, b"") if "bad_alloc" in str(error) else (_ERROR, str(error).encode())


if __name__ == "__main__":
    serve(int(sys.argv[1]))
