"""Images and clips in an object store: they are fetched into temporary files on this machine to be read."""

from __future__ import annotations

import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dj_assets.errors import MediaError, UserError
from dj_assets.media.locations import MAX_MEMBER_BYTES, MediaLocation
from dj_assets.media.reader import MediaReader, Outcomes
from dj_assets.media.request import Failed, Limits, Request
from dj_assets.stores.store import THREADS, Store
from dj_assets.urls import cache_folder, checked_url


class StoreReader(MediaReader):
    """Read media from this machine and from object stores. The process that decodes gets files, no access to a store.

    Objects are fetched a few ahead of the reading, into a folder below `DJ_CACHE`, and are removed after it. The disk
    holds at most `THREADS` + 2 objects at a time. A store that does not answer ends the run; a missing object is a
    failure of its sample.
    """

    def __init__(self, limits: Limits | None = None, prepare: Callable[[], object] = dict) -> None:
        super().__init__(limits, prepare)
        self._in_order = ThreadPoolExecutor(1, thread_name_prefix="stored media")
        self._fetchers = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch media")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._number = itertools.count()

    def read(self, requests: Sequence[Request]) -> Future[list[Outcomes]]:
        """Start to read as `MediaReader.read` does; media in a store are fetched first."""
        if not any(request.location.stored for request in requests):
            return super().read(requests)
        return self._in_order.submit(lambda: [*self._outcomes(requests)])

    def close(self) -> None:
        """End the process at once, and remove the files that were fetched for it."""
        self._in_order.shutdown(wait=False, cancel_futures=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        super().close()
        self._fetchers.shutdown()
        if self._folder is not None:
            self._folder.cleanup()

    def _outcomes(self, requests: Sequence[Request]) -> Iterator[Outcomes]:
        if self._folder is None:
            cache_folder().mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(prefix="media-", dir=cache_folder())
        folder = Path(self._folder.name)
        for request, here in zip(
            requests, self._fetched([request.location for request in requests], folder), strict=True
        ):
            if isinstance(here, Failed):
                yield [here] * len(request.features)
            else:
                yield self._outcome(request, here)

    def _outcome(self, request: Request, here: MediaLocation) -> Outcomes:
        try:
            (outcomes,) = super().read([replace(request, location=here)]).result()
        finally:
            if request.location.stored:
                Path(here.path).unlink(missing_ok=True)
        if here in self.deadly:
            self.deadly[request.location] = self.deadly.pop(here)
        return [_with_url(outcome, here, request.location) for outcome in outcomes]

    def _fetched(self, locations: Sequence[MediaLocation], folder: Path) -> Iterator[MediaLocation | Failed]:
        """Yield the local location of each medium, in order, while the next ones are fetched."""
        under_way: deque[Future[MediaLocation | Failed]] = deque()
        for location in locations:
            under_way.append(self._fetchers.submit(self._fetch, location, folder))
            if len(under_way) > THREADS:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _fetch(self, location: MediaLocation, folder: Path) -> MediaLocation | Failed:
        if not location.stored:
            return location
        if location in self.deadly:
            return self.deadly[location]
        # libraries also use the ending to recognize a container
        target = folder / f"{next(self._number)}{PurePosixPath(location.path).suffix}"
        try:
            fetch_media(location, target)
        except MediaError as error:
            return Failed(str(error))
        return MediaLocation(str(target))


def fetch_media(location: MediaLocation, target: Path) -> None:
    """Fetch an image or clip from its store into a file.

    Raises
    ------
    MediaError
        If the object is missing, or has more bytes than a member of an archive may have.
    StoreError, UserError
        If the store does not answer, or refuses.
    """
    try:
        store = Store.at(checked_url(location.path))
    except UserError as error:
        raise MediaError(str(error)) from None
    try:
        store.download("", target, _require_small)
    except FileNotFoundError:
        raise MediaError("no such object") from None


def with_content(location: MediaLocation) -> MediaLocation:
    """Return a location that can be opened; a location in a store then holds the bytes.

    Raises
    ------
    MediaError
        As in `fetch_media`.
    """
    if not location.stored:
        return location
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "content")
        fetch_media(location, target)
        return MediaLocation(location.path, content=target.read_bytes())


def _require_small(size: int) -> None:
    if size > MAX_MEMBER_BYTES:
        raise MediaError(f"has {size} bytes, more than the {MAX_MEMBER_BYTES} that are fetched from a store")


def _with_url(outcome: object, here: MediaLocation, location: MediaLocation) -> object:
    """Return an outcome; the reason of a failed one names the object instead of the temporary file."""
    return Failed(outcome.reason.replace(here.path, location.path)) if isinstance(outcome, Failed) else outcome
