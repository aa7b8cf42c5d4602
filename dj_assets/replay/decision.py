"""What the replay decided about every sample: kept on disk between deduplicating and refining, in a process or many."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dj_assets.home.damage import Sum
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, numbered_json, of_numbered_json, read_json, write_document
from dj_assets.publish.parts import Format, Part, part_key
from dj_assets.publish.release import merged_types
from dj_assets.recipe.plan import Plan, digest
from dj_assets.replay.fates import Replayed, ShardTally
from dj_assets.replay.funnel import Balance, FunnelStep, balance, make_funnel
from dj_assets.replay.near_pairs import is_stored, store
from dj_assets.replay.record import against_record, seconds_by_step
from dj_assets.sources.fields import FieldTypes

# The files of the deduplicate step, in the work folder; those of processes at work begin with a dot.
_DECIDED = (
    "decision/[!.]*.parquet",
    "near_pairs/[!.]*.parquet",
    "counted/*/[!.]*.parquet",
    "counted/*/near_pairs/*.parquet",
)


@dataclass(frozen=True)
class FileOutcome:
    """The outcomes of the measured samples of one source file; `version` is a hash of its published part.

    It covers the fate of every sample and the columns of the refined file, not which twin a duplicate has: a twin of
    another file may change without a change here.
    """

    number: int
    version: str
    kept: int
    duplicates: int


@dataclass(frozen=True)
class Decision:
    """The result of a replay over the files that were measured then; `key` says of what, by which recipe.

    `recipe` is the hash of the recipe with its thresholds, `missing` names shards that took no part, `parts` are the
    refined files as they are to be.
    `version` is the data version of the duplicates, `near_pairs` and `clusters` count what is behind them, `fates` is
    the table that `build_database` takes. `seconds` is what replaying took.
    """

    key: str
    recipe: str
    manifests: tuple[FileManifest, ...]
    counts: Balance
    funnel: tuple[FunnelStep, ...]
    outcomes: tuple[FileOutcome, ...]
    version: str
    clusters: int
    near_pairs: int
    duplicates_against: int
    short_texts: Mapping[str, int]
    against: Mapping[str, Any]
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    fates: ds.Dataset = dataclasses.field(repr=False)

    @classmethod
    def of(
        cls,
        key: str,
        plan: Plan,
        *,
        manifests: Sequence[FileManifest],
        reference: Sequence[FileManifest],
        replayed: Replayed,
        format: Format = "parquet",
        missing: Sequence[str] = (),
    ) -> Decision:
        """Describe a replay over source files; `missing` are names of shards that took no part.

        Raises
        ------
        ConservationError
            If samples in are not kept + dropped + quarantined.
        """
        counts = balance(manifests, replayed.tallies)
        funnel = make_funnel(plan, replayed.tallies, counts, seconds_by_step(manifests))
        against = sum(step.dropped_against for step in funnel)
        return cls(
            key=key,
            recipe=plan.refined_hash,
            manifests=tuple(manifests),
            counts=counts,
            funnel=funnel,
            outcomes=tuple(_outcomes(manifests, replayed.tallies)),
            version=replayed.version,
            clusters=replayed.clusters,
            near_pairs=replayed.near_pairs,
            duplicates_against=against,
            short_texts=replayed.short_texts,
            against=against_record(reference, against),
            parts=tuple(_parts(plan.recipe.text_key, manifests, replayed.tallies, format)),
            missing=tuple(missing),
            fates=replayed.fates,
        )

    @classmethod
    def read(cls, layout: Layout, key: str | None = None) -> Decision | None:
        """Return the stored decision, where there is one and, if asked, it is of that key."""
        content = read_json(layout.decision)
        if content is None or (key is not None and content["key"] != key):
            return None
        if not is_stored(_fates_file(layout), content["key"].encode()):
            return None
        return cls(
            **{name: value for name, value in content.items() if name not in {"shards", "files"}}
            | {
                "manifests": tuple(FileManifest.of_json(file) for file in content["shards"]),
                "counts": Balance(**content["counts"]),
                "funnel": tuple(FunnelStep.of_json(step) for step in content["funnel"]),
                "outcomes": tuple(of_numbered_json(FileOutcome, outcome) for outcome in content["outcomes"]),
                "parts": tuple(of_numbered_json(Part, part) for part in content["parts"]),
                "missing": tuple(content["missing"]),
                "fates": ds.dataset(_fates_file(layout)),
            }
        )

    def write(self, layout: Layout) -> None:
        """Store the decision in place of the last one."""
        store(_fates_file(layout), self.fates, self.key.encode())
        plain = {
            "shards" if field.name == "manifests" else field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "fates"
        }
        write_document(
            layout.decision,
            plain
            | {
                "shards": [numbered_json(file) for file in self.manifests],
                "counts": dataclasses.asdict(self.counts),
                "funnel": [step.as_json() for step in self.funnel],
                "outcomes": [numbered_json(outcome) for outcome in self.outcomes],
                "parts": [numbered_json(part) for part in self.parts],
                "files": _sums(layout),
            },
        )

    @property
    def duplicates(self) -> int:
        """How many samples the recipe drops as duplicates."""
        return sum(outcome.duplicates for outcome in self.outcomes)

    @cached_property
    def types(self) -> FieldTypes | None:
        """The types of the JSON fields over all files, so that every refined file has the same schema."""
        return merged_types(self.manifests)

    def kept(self, number: int, layout: Layout) -> np.ndarray:
        """Return which measured samples of a source file are kept, in the order of its measured files; bool."""
        rows = pq.read_table(layout.fetched("stats", number), columns=["row"])["row"].to_numpy()
        ended = self.fates.to_table(columns=["row"], filter=ds.field("shard") == number)["row"].to_numpy()
        return ~np.isin(rows, ended)


def outcome_version(outcomes: Iterable[FileOutcome]) -> str:
    """Return the version of several outcomes together, in their order."""
    return digest([outcome.version for outcome in outcomes])


def _outcomes(manifests: Sequence[FileManifest], tallies: Sequence[ShardTally]) -> Iterator[FileOutcome]:
    types = merged_types(manifests)
    columns = None if types is None else types.to_json()
    for file, tally in zip(manifests, tallies, strict=True):
        version = digest([file.sha256, file.measure_key, file.records, tally.told, columns])
        yield FileOutcome(file.number, version, tally.kept, tally.duplicates)


def _parts(
    text_key: str, manifests: Sequence[FileManifest], tallies: Sequence[ShardTally], format: Format
) -> Iterator[Part]:
    types = merged_types(manifests)
    for file, tally in zip(manifests, tallies, strict=True):
        yield Part(file.number, tally.kept, part_key(file, tally.kept_mask, types, text_key, format), format)


def decided_files(layout: Layout) -> dict[str, Sum] | None:
    """Return the files that the last decision was made of, by their paths in the work folder, as they were then.

    They are the outcomes, near pairs and frequent keys. None where there is no decision, or an earlier version made it.
    """
    files = (read_json(layout.decision) or {}).get("files")
    return None if files is None else {name: Sum(*written) for name, written in files.items()}


def _sums(layout: Layout) -> dict[str, Sum]:
    found = [path for pattern in _DECIDED for path in sorted(layout.work.glob(pattern))]
    return {path.relative_to(layout.work).as_posix(): Sum.of(path) for path in found}


def _fates_file(layout: Layout) -> Path:
    return layout.decision.with_name("fates.parquet")
