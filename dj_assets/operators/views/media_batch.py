"""Give operators the media of a batch: the listed paths, the media features of the files, the chunks of text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast, get_args

import pyarrow as pa

from dj_assets.errors import MediaError, SampleError
from dj_assets.media.access import MediaAccess
from dj_assets.media.decoded_by import decoders_of
from dj_assets.media.feature import MediaFeature
from dj_assets.media.file_stats import FileStat, file_stats, is_text
from dj_assets.media.listing import Entry, entries
from dj_assets.media.locations import MediaLocation, MissingFileError
from dj_assets.media.made import MadeFiles
from dj_assets.media.making import ClipContent, ImageContent, Making, SoundContent, key_of
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.request import Failed, Request
from dj_assets.media.tokens import Chunk, Kind
from dj_assets.operators.batch import Batch
from dj_assets.operators.deprecated import renamed
from dj_assets.operators.views.sample_fields import field_values
from dj_assets.urls import without_credentials

T = TypeVar("T")
_CONTENT: Mapping[Kind, ImageContent | ClipContent | SoundContent] = {
    "images": ImageContent(),
    "videos": ClipContent(),
    "audios": SoundContent(),
}
# The record of every file that a sample lists; size and time are null if the file is missing.
MEDIA_FILES = pa.list_(pa.struct([("path", pa.string()), ("size", pa.int64()), ("mtime_ns", pa.int64())]))


def media(batch: Batch) -> MediaBatch:
    """Return the images and clips of every sample of a batch.

    Raises
    ------
    ValueError
        If the batch was made without a `media_access`, that is for a recipe without operators over media.
    """
    if batch.media_access is None:
        raise ValueError("this batch does not know where its media are")
    return MediaBatch(batch, batch.media_access)


@dataclass(frozen=True)
class Listed:
    """Hold one path of a sample, and the location that it resolves to."""

    path: str
    location: MediaLocation | Failed


@dataclass(frozen=True)
class MediaBatch:
    """Give access to the media of a batch. A file that several features or samples need is opened once."""

    batch: Batch
    media_access: MediaAccess

    def listed(self, kind: Kind) -> list[list[str]]:
        """Return the paths of every sample, `[]` if it lists none or its field is not a list of paths."""
        return [[] if isinstance(sample, Failed) else [file.path for file in sample] for sample in self._samples(kind)]

    def under(self, keys: MediaKeys) -> MediaBatch:
        """Return the media that other fields of the same samples list."""
        if keys == self.media_access.keys:
            return self
        return media(self.batch.with_media(replace(self.media_access, keys=keys)))

    def found(self, kind: Kind, feature: MediaFeature[T]) -> list[list[T]]:
        """Return the same as `values`, for custom operators of earlier versions; deprecated."""
        renamed("batch.media.found", "media(batch).values")
        return self.values(kind, feature)

    def chunks(self, kind: Kind) -> list[list[Chunk]]:
        """Return the chunks of every text that belong to media of a kind; see `SpecialTokens.chunks`."""
        tokens = self.media_access.keys.tokens
        pairs = zip(self.batch.text.to_pylist(), self.listed(kind), strict=True)
        return [tokens.chunks(text, kind, len(paths)) for text, paths in pairs]

    def values(self, kind: Kind, feature: MediaFeature[T]) -> list[list[T]]:
        """Return a media feature of every listed path, nested like the paths.

        Raises
        ------
        SampleError
            If the feature fails for one of the samples. A row stage quarantines these samples before.
        """
        failures = self.failures(kind, (feature,))
        if failures:
            raise SampleError(next(iter(failures.values())))
        seen: Any = self.media_access.values
        return [[seen[file.location, feature] for file in self._paths(sample)] for sample in self._samples(kind)]

    def forget(self, feature: MediaFeature[object]) -> None:
        """Release the memory of a large feature that was used; it is computed again if it is asked for again."""
        seen: Any = self.media_access.values
        for key in [key for key in seen if key[1] == feature]:
            del seen[key]

    def failures(self, kind: Kind, features: Sequence[MediaFeature[object]]) -> dict[int, str]:
        """Return the samples for which one of the features fails, as a mapping of index in the batch to reason."""
        self.compute(features).result()
        failures: dict[int, str] = {}
        for number, sample in enumerate(self._samples(kind)):
            reason = sample.reason if isinstance(sample, Failed) else self._first_failure(sample, features)
            if reason is not None:
                failures[number] = reason
        return failures

    def compute(self, features: Iterable[MediaFeature[object]]) -> Future[None]:
        """Start to compute all missing features; those of one file are computed while it is open."""
        wanted = [*features]
        wanted += decoders_of(wanted)
        requests = [request for kind in get_args(Kind) for request in self._requests(kind, wanted)]
        done: Future[None] = Future()
        if not requests:
            done.set_result(None)
            return done

        def remember(read: Future[list[list[object]]]) -> None:
            """Store the results."""
            error = read.exception()
            if error is not None:
                done.set_exception(error)
                return
            for request, outcomes in zip(requests, read.result(), strict=True):
                for feature, outcome in zip(request.features, outcomes, strict=True):
                    self.media_access.values[request.location, feature] = outcome
            done.set_result(None)

        self.media_access.reader.read(requests).add_done_callback(remember)
        return done

    @property
    def computed(self) -> Mapping[tuple[MediaLocation, MediaFeature[object]], object]:
        """Return the features that were computed so far, or `Failed`, by file and feature."""
        return self.media_access.values

    def make(self, kind: Kind, making: Making) -> dict[int, str]:
        """Make new files of every listed file; return the samples for which this fails, by index, with the reason.

        A file with the same content gives the files that were made of it before.
        """
        # the decoders are part of what is measured, also where nothing is decoded because all is made
        failures = self.failures(kind, (_CONTENT[kind], *decoders_of((making,))))
        for number, sample in enumerate(self._samples(kind)):
            for file in self._paths(sample) if number not in failures else ():
                names = file.location if isinstance(file.location, Failed) else self._make(file.location, kind, making)
                if isinstance(names, Failed):
                    failures[number] = without_credentials(f"{file.path}: {names.reason}")
                    break
        return failures

    def made(self, kind: Kind, making: Making) -> list[list[tuple[str, ...]]]:
        """Return the names of the files that were made of every listed path, nested like the paths.

        Raises
        ------
        SampleError
            If they cannot be made for one of the samples. A row stage quarantines these samples before.
        """
        failures = self.make(kind, making)
        if failures:
            raise SampleError(next(iter(failures.values())))
        made: Any = self.media_access.made
        return [[made[file.location, making] for file in self._paths(sample)] for sample in self._samples(kind)]

    def _make(self, location: MediaLocation, kind: Kind, making: Making) -> tuple[str, ...] | Failed:
        access = self.media_access
        if access.files is None:
            raise ValueError("this batch does not know where new files belong")
        if (location, making) not in access.made:
            key = key_of(cast("str", access.values[location, _CONTENT[kind]]), making)
            made: tuple[str, ...] | Failed | None = access.files.recorded(key)
            if made is None:
                made = self._write(location, making, access.files)
                if not isinstance(made, Failed):
                    access.files.record(key, made)
            access.made[location, making] = made
        return access.made[location, making]

    def _write(self, location: MediaLocation, making: Making, files: MadeFiles) -> tuple[str, ...] | Failed:
        """Write one new file after another: only one is in memory at a time."""
        new = self._value(location, making)
        if isinstance(new, Failed):
            return new
        names = []
        for feature in new:
            content = self._value(location, feature)
            if isinstance(content, Failed):
                return content
            names.append(files.write(content, feature.suffix))
        return tuple(names)

    def _value(self, location: MediaLocation, feature: MediaFeature[Any]) -> Any:  # noqa: ANN401 - the feature says it
        """Compute a feature of one file, or `Failed`; it is not kept."""
        ((value,),) = self.media_access.reader.read([Request(location, (feature,))]).result()
        return value

    def files(self, listings: Collection[tuple[Kind, MediaKeys]]) -> pa.Array:
        """Return the present files of some kinds of media under some fields, one list for each sample.

        Images stored as bytes and URLs are not files. An archive represents its members. Files that operators made have
        their listed names and no time: these name their content, wherever the folder is.
        """
        listed = [
            [file for files in sample for file in files]
            for sample in zip(*(self.under(keys)._files(kind) for kind, keys in listings), strict=True)
        ]
        facts = file_stats(file for sample in listed for file in sample)
        return pa.array(
            [[self._record(file, facts[file]) for file in dict.fromkeys(sample)] for sample in listed], MEDIA_FILES
        )

    def _record(self, file: str, facts: FileStat) -> tuple[str, int | None, int | None]:
        name = self.media_access.root.name_of_made(file)
        return (file, *facts) if name is None else (name, facts.size, None)

    def _files(self, kind: Kind) -> list[list[str]]:
        root = self.media_access.root
        return [
            [
                file
                for entry in self._paths(sample)
                if not (isinstance(entry.location, MediaLocation) and entry.location.content is not None)
                and (file := root.file_of(entry.path)) is not None
                and is_text(file)
            ]
            for sample in self._samples(kind)
        ]

    def _requests(self, kind: Kind, features: Iterable[MediaFeature[object]]) -> list[Request]:
        ours = [feature for feature in dict.fromkeys(features) if feature.kind == kind]
        locations = (
            {file.location: None for sample in self._samples(kind) for file in self._paths(sample)} if ours else {}
        )
        wanted: dict[MediaLocation, tuple[MediaFeature[object], ...]] = {
            location: tuple(feature for feature in ours if (location, feature) not in self.media_access.values)
            for location in locations
            if isinstance(location, MediaLocation)
        }
        return [Request(location, missing) for location, missing in wanted.items() if missing]

    def _first_failure(self, sample: Sequence[Listed], features: Sequence[MediaFeature[object]]) -> str | None:
        for feature in features:
            for file in sample:
                outcome = (
                    file.location
                    if isinstance(file.location, Failed)
                    else self.media_access.values[file.location, feature]
                )
                if isinstance(outcome, Failed):
                    return without_credentials(f"{file.path}: {outcome.reason}")
        return None

    @staticmethod
    def _paths(sample: list[Listed] | Failed) -> list[Listed]:
        return [] if isinstance(sample, Failed) else sample

    def _samples(self, kind: Kind) -> list[list[Listed] | Failed]:
        return self.batch.derive(("listed", kind), lambda: self._list(kind))

    def _list(self, kind: Kind) -> list[list[Listed] | Failed]:
        keys = self.media_access.keys
        key = keys.field_of(kind)
        contents = field_values(self.batch, keys.image_bytes) if kind == "images" else [None] * len(self.batch)
        pairs = zip(field_values(self.batch, key), contents, strict=True)
        return [self._of_sample(entries(value, key, content, keys.image_bytes), key) for value, content in pairs]

    def _of_sample(self, listed: list[Entry] | None, key: str) -> list[Listed] | Failed:
        if listed is None:
            return Failed(f"{key} is no list of paths")
        return [
            Listed(name, self._find(name) if content is None else MediaLocation(name, content=content))
            for name, content in listed
        ]

    def _find(self, path: str) -> MediaLocation | Failed:
        try:
            return self.media_access.root.find(path)
        except MissingFileError as error:
            return Failed(f"{error} (looked for {error.path})")
        except MediaError as error:
            return Failed(str(error))
