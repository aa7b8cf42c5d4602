"""The row stage over samples with media: a few at a time; the next ones are read while these are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa

from dj_assets import settings
from dj_assets.home.identity import FROM_SOURCE
from dj_assets.measure.lineage import Lineage
from dj_assets.measure.row_stage import Measured, RowStage
from dj_assets.media.access import MediaAccess
from dj_assets.media.decoded_by import ClipDecodedBy, decoders_of, unusual_decoders
from dj_assets.media.feature import MediaFeature
from dj_assets.media.locations import Root
from dj_assets.media.media_keys import MediaKeys
from dj_assets.media.reader import MediaReader
from dj_assets.models.store import ModelStore
from dj_assets.models.text.counting import summed
from dj_assets.operators.base import Expander
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_filter import MediaOperator
from dj_assets.operators.kinds.media_maker import MediaWriter
from dj_assets.operators.views.media_batch import MEDIA_FILES, media
from dj_assets.recipe.custom_operators import import_operators
from dj_assets.recipe.plan import Plan, Step
from dj_assets.stores.made_media import MadeMedia
from dj_assets.stores.media_reader import StoreReader

# One reader for each set of user's modules, in each worker process: a reader must know the features that it computes.
_readers: dict[tuple[Path, ...], MediaReader] = {}


@dataclass
class BatchInParts:
    """Hold a batch in parts of as many samples as `settings.MEDIA_IMAGES` allows; the first one is being read.

    A part being read is the samples, their media files, and the features that are computed.
    """

    plan: Plan
    batch: Batch
    parts: Iterator[Batch]
    ahead: tuple[Batch, pa.Array, list[Future[None]]] | None = None

    @classmethod
    def begun(cls, plan: Plan, batch: Batch, root: Root) -> BatchInParts:
        """Begin to read the media of a batch, whose paths are relative to the `root` of the input."""
        begun = cls(plan, batch, _parts(plan, batch, root))
        begun._read_next()
        return begun

    def measured(
        self, frequent: Mapping[str, np.ndarray] | None = None, following: Callable[[], object] = dict
    ) -> Measured:
        """Run every step of the plan over the batch, once.

        While one part is measured, the features of the next one are computed. Before the last part, `following` is
        called: it may begin the next batch.
        """
        measured = []
        while self.ahead is not None:
            part, files, features = self.ahead
            if not self._read_next():
                following()
            for computed in features:
                computed.result()
            done = RowStage(part, frequent).run(self.plan)
            listed = _with_later(_of_records(files, done.lineage), done.media)
            measured.append(replace(done, media=listed, decoders=unusual_decoders(media(part).computed)))
        joined = _joined(measured)
        reader = _reader(self.plan.recipe.custom_operators)
        joined.seconds.update(_with_feature_seconds(joined.seconds, self.plan, self.batch, reader))
        return joined

    def _read_next(self) -> bool:
        """Begin to read the next part; return whether there is one."""
        part = next(self.parts, None)
        # size and time of a file are read first: a file that is replaced during the measuring counts as changed
        self.ahead = (
            None if part is None else (part, media(part).files(self.plan.listings), _compute_ahead(self.plan, part))
        )
        return part is not None


def _with_later(listed: pa.Array, later: pa.Array | None) -> pa.Array:
    """Return the media files that samples listed at first, and those that they list after operators changed fields."""
    if later is None:
        return listed
    samples = zip(listed.to_pylist(), later.to_pylist(), strict=True)
    both = [{**_by_path(new), **_by_path(first)} for first, new in samples]
    return pa.array([list(files.values()) for files in both], MEDIA_FILES)


def _by_path(files: list[dict[str, object]] | None) -> dict[object, dict[str, object]]:
    return {file["path"]: file for file in files or ()}


def close_readers() -> None:
    """End the processes that read media for this process."""
    while _readers:
        _readers.popitem()[1].close()


def _compute_ahead(plan: Plan, part: Batch) -> list[Future[None]]:
    """Start to compute the features of all operators whose samples are known.

    Those of conditional operators, and of operators after an expander or after new files, are not.
    """
    known = takewhile(lambda step: not isinstance(step.operator, Expander | MediaWriter), plan.steps)
    steps = [step for step in known if step.index not in plan.conditional]
    return [media(part).under(keys).compute(wanted) for keys, wanted in _features(plan, steps, part.models).items()]


def clip_decoders(plan: Plan, models: ModelStore) -> list[ClipDecodedBy]:
    """Return the features that name the decoders of clips for a plan; none if it decodes no clips."""
    return decoders_of([feature for wanted in _features(plan, plan.steps, models).values() for feature in wanted])


def decoded_otherwise(plan: Plan, batch: Batch, root: Root) -> bool:
    """Return whether a file of the samples is decoded otherwise than an earlier version of the decoders did."""
    for part in _parts(plan, batch, root):
        for keys, wanted in _features(plan, plan.steps, part.models).items():
            media(part).under(keys).compute(decoders_of(wanted)).result()
        if unusual_decoders(media(part).computed):
            return True
    return False


def _features(plan: Plan, steps: Sequence[Step], models: ModelStore) -> dict[MediaKeys, list[MediaFeature[object]]]:
    """Return the features that steps need, by the fields that list their media."""
    features: dict[MediaKeys, list[MediaFeature[object]]] = {}
    for step in steps:
        if isinstance(step.operator, MediaOperator):
            keys = step.operator.keys(plan.recipe.media)
            features.setdefault(keys, []).extend(step.operator.features_for(models))
    return features


def _with_feature_seconds(
    seconds: Mapping[str, float], plan: Plan, batch: Batch, reader: MediaReader
) -> dict[str, float]:
    """Return the seconds of the operators over media with their features; a shared feature counts for the first one."""
    spent = reader.take_seconds()
    steps = [step for step in plan.steps if isinstance(step.operator, MediaOperator)]
    return {
        step.label: seconds[step.label]
        + sum(spent.pop(feature, 0.0) for feature in step.operator.features_for(batch.models))
        for step in steps
        if isinstance(step.operator, MediaOperator)
    }


def _parts(plan: Plan, batch: Batch, root: Root) -> Iterator[Batch]:
    """Yield the batch in parts, each with a cache of features of its own; at least one part, which may be empty."""
    keys = plan.recipe.media
    reader = _reader(plan.recipe.custom_operators)
    files = MadeMedia(root.made) if root.made else None

    def media_access(part: Batch) -> Batch:
        """Return the samples with access to their media."""
        return replace(part, media_access=MediaAccess(keys, root, reader, files=files))

    whole = media(media_access(batch))
    weights = [0] * len(batch)
    for kind, listing in plan.listings:
        weight_of_one = 1 if kind == "images" else settings.IMAGES_A_CLIP
        listed = whole.under(listing).listed(kind)
        weights = [total + weight_of_one * len(paths) for total, paths in zip(weights, listed, strict=True)]
    start = 0
    for stop in (*_ends(weights), len(batch)):
        yield media_access(batch.slice(start, stop - start))
        start = stop


def _ends(weights: Sequence[int]) -> Iterator[int]:
    """Yield the ends of all parts but the last: parts of about equal weight, as few as the limit allows.

    A short last part would be measured before the media of the next block are read.
    """
    rest, weight = sum(weights), 0
    fair = _fair_share(rest)
    for number, sample_weight in enumerate(weights):
        if weight and rest and (weight >= fair or weight + sample_weight > settings.MEDIA_IMAGES):
            yield number
            weight, fair = 0, _fair_share(rest)
        weight += sample_weight
        rest -= sample_weight


def _fair_share(weight: int) -> float:
    """Return the weight of each part if a weight is shared by as few as the limit allows."""
    return weight / max(1, -(-weight // settings.MEDIA_IMAGES))


def _reader(modules: tuple[Path, ...]) -> MediaReader:
    if modules not in _readers:
        _readers[modules] = StoreReader(prepare=partial(import_operators, modules) if modules else dict)
    return _readers[modules]


def _of_records(media: pa.Array, lineage: Lineage | None) -> pa.Array:
    """Return the media files of records at the length of all samples; children have none of their own."""
    if lineage is None:
        return media
    return media.take(pa.array(lineage.origin, mask=lineage.created_at != FROM_SOURCE))


def _joined(parts: Sequence[Measured]) -> Measured:
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.text) for part in parts)]).tolist()
    seconds: Counter[str] = Counter()
    for part in parts:
        seconds.update(part.seconds)
    first = parts[0]
    lineages = [part.lineage for part in parts if part.lineage is not None]
    records = [int(np.count_nonzero(lineage.created_at == FROM_SOURCE)) for lineage in lineages]
    return Measured(
        text=pa.concat_arrays([part.text for part in parts]),
        fields=None if first.fields is None else pa.concat_arrays([part.fields for part in parts]),
        statistics={name: pa.concat_arrays([part.statistics[name] for part in parts]) for name in first.statistics},
        signatures={name: pa.concat_arrays([part.signatures[name] for part in parts]) for name in first.signatures},
        failed_at=pa.concat_arrays([part.failed_at for part in parts]),
        failures=tuple(
            replace(failure, index=failure.index + start)
            for start, part in zip(starts, parts, strict=False)
            for failure in part.failures
        ),
        seconds=dict(seconds),
        lineage=Lineage.joined(lineages, records) if lineages else None,
        media=None if first.media is None else pa.concat_arrays([part.media for part in parts]),
        written=tuple(written for part in parts for written in part.written),
        decoders={file: decoder for part in parts for file, decoder in part.decoders.items()},
        calls=summed(part.calls for part in parts),
    )
