"""Read an object from start to end by requests for ranges: only one range is repeated after a broken connection."""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dj_assets.errors import SourceError
from dj_assets.stores.retry import retried
from dj_assets.stores.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

RANGE_BYTES = 8 * 1024 * 1024


class ObjectStream(io.RawIOBase):
    """Read an object once, in ranges; the next range is fetched while the current one is used.

    It holds two ranges in memory. At the end it checks that the object is still the one that was opened.
    """

    def __init__(self, store: Store, range_bytes: int = RANGE_BYTES) -> None:
        super().__init__()
        self._store = store
        self._file = store.opened()
        self._tag = _tag_of(self._file)
        self._size = int(self._file.size())
        self._range_bytes = range_bytes
        self._fetcher = ThreadPoolExecutor(1)
        self._fetched = 0
        self._here = memoryview(b"")
        self._next: Future[bytes] | None = self._ask()

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a buffer from the current range; return the number of bytes, 0 at the end.

        Raises
        ------
        StoreError
            If the store fails for too long.
        SourceError
            If the object was replaced while it was read.
        """
        if not self._here:
            if self._next is None:
                return 0
            self._here = memoryview(self._next.result())
            self._next = self._ask()
            if self._next is None:
                self._require_same()
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._here))
        target[:count] = self._here[:count]
        self._here = self._here[count:]
        return count

    def close(self) -> None:
        """Close the stream; a range that is being fetched is dropped."""
        if not self.closed:
            self._fetcher.shutdown(wait=False, cancel_futures=True)
            self._here = memoryview(b"")
        super().close()

    def _ask(self) -> Future[bytes] | None:
        start, self._fetched = self._fetched, min(self._size, self._fetched + self._range_bytes)
        return self._fetcher.submit(self._range, start, self._fetched) if start < self._fetched else None

    def _range(self, start: int, end: int) -> bytes:
        def fetch() -> bytes:
            try:
                data = bytes(self._file.read_at(end - start, start))
            except FileNotFoundError:
                raise SourceError(self._changed) from None
            if len(data) < end - start:
                raise EOFError(f"{len(data)} of {end - start} bytes arrived")
            return data

        return retried(f"read {self._store.url}, bytes {start} to {end}", fetch)

    def _require_same(self) -> None:
        with self._store.opened() as now:
            if _tag_of(now) != self._tag:
                raise SourceError(self._changed)

    @property
    def _changed(self) -> str:
        return f"{self._store.url}: was changed while it was read; nothing of it is kept, run again"


def _tag_of(file: pa.NativeFile) -> tuple[frozenset[str | bytes], int]:
    """Return a value that changes with the content of an object: its entity tag, if the store has one, and its size."""
    try:
        metadata = file.metadata() or {}
    except (NotImplementedError, OSError):
        metadata = {}
    # Google's store writes the name in lower case
    tags = {value for name, value in metadata.items() if name.lower() in {"etag", b"etag"}}
    return frozenset(tags), int(file.size())
