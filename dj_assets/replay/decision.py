"""The decision of the replay about every sample. It is kept on disk between deduplicating and refining."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dj_assets.home.damage import Sum
from dj_assets.home.json_files import read_json, write_document
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import FileManifest, numbered_json, of_numbered_json
from dj_assets.home.numbering import are_aggregates
from dj_assets.home.run_manifest import Against, FunnelStep, ReferenceFile
from dj_assets.publish.parts import Format, RefinedFile, part_key
from dj_assets.publish.release import merged_types
from dj_assets.recipe.plan import Plan, digest
from dj_assets.replay.funnel import Balance, balance, make_funnel
from dj_assets.replay.near_pairs import is_stored, store
from dj_assets.replay.result import FileCounts, ReplayResult
from dj_assets.sources.column_types import ColumnTypes

# The files of the deduplicate step, in the work folder; those of processes at work begin with a dot.
_DECIDED = (
    "decision/[!.]*.parquet",
    "near_pairs/[!.]*.parquet",
    "counted/*/[!.]*.parquet",
    "counted/*/near_pairs/*.parquet",
)


@dataclass(frozen=True)
class FileOutcome:
    """Hold the outcomes of the measured samples of one source file; `version` is a hash of its published part.

    The version covers the outcome of every sample and the columns of the refined file. It does not cover which
    duplicate was kept: a kept duplicate in another file may change without a change in this file. `added` is the number
    of samples that were made from others, less those that they replaced.
    """

    number: int
    version: str
    kept: int
    duplicates: int
    added: int = 0


@dataclass(frozen=True)
class Decision:
    """Hold the result of a replay over the measured files; `key` identifies the files and the recipe.

    `recipe` is the hash of the recipe with its thresholds, `missing` names shards that took no part, `parts` are the
    refined files to be written.
    `version` is the data version of the duplicates, `near_pairs` and `clusters` are the numbers of near pairs and of
    clusters, `outcome_table` is the table that `build_database` takes.
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
    against: Against | None
    parts: tuple[RefinedFile, ...]
    missing: tuple[str, ...]
    outcome_table: ds.Dataset = dataclasses.field(repr=False)

    @classmethod
    def of(
        cls,
        key: str,
        plan: Plan,
        *,
        manifests: Sequence[FileManifest],
        reference: Sequence[FileManifest],
        replayed: ReplayResult,
        format: Format = "parquet",
        missing: Sequence[str] = (),
    ) -> Decision:
        """Return the decision of a replay over source files; `missing` are names of shards that took no part.

        Raises
        ------
        ConservationError
            If the number of samples in is not kept + dropped + quarantined.
        """
        counts = balance(plan, manifests, replayed.file_counts)
        funnel = make_funnel(plan, replayed.file_counts, counts, _seconds_by_step(manifests))
        against = sum(step.dropped_against for step in funnel)
        return cls(
            key=key,
            recipe=plan.refined_hash,
            manifests=tuple(manifests),
            counts=counts,
            funnel=funnel,
            outcomes=tuple(_outcomes(plan, manifests, replayed.file_counts)),
            version=replayed.version,
            clusters=replayed.clusters,
            near_pairs=replayed.near_pairs,
            duplicates_against=against,
            short_texts=replayed.short_texts,
            against=_against(reference, against),
            parts=tuple(_parts(plan.recipe.text_key, manifests, replayed.file_counts, format)),
            missing=tuple(missing),
            outcome_table=replayed.outcome_table,
        )

    @classmethod
    def read(cls, layout: Layout, key: str | None = None) -> Decision | None:
        """Return the stored decision, or None if there is none or it has another key than `key`."""
        content = read_json(layout.decision)
        if content is None or (key is not None and content["key"] != key):
            return None
        if not is_stored(_outcome_file(layout), content["key"].encode()):
            return None
        return cls(
            **{name: value for name, value in content.items() if name not in {"shards", "files"}}
            | {
                "manifests": tuple(FileManifest.of_json(file) for file in content["shards"]),
                "counts": Balance(**content["counts"]),
                "funnel": tuple(FunnelStep.of_json(step) for step in content["funnel"]),
                "against": Against.of_json(content["against"]["against"]) if content["against"] else None,
                "outcomes": tuple(of_numbered_json(FileOutcome, outcome) for outcome in content["outcomes"]),
                "parts": tuple(of_numbered_json(RefinedFile, part) for part in content["parts"]),
                "missing": tuple(content["missing"]),
                "outcome_table": ds.dataset(_outcome_file(layout)),
            }
        )

    def write(self, layout: Layout) -> None:
        """Store the decision in place of the last one."""
        store(_outcome_file(layout), self.outcome_table, self.key.encode())
        plain = {
            "shards" if field.name == "manifests" else field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "outcome_table"
        }
        write_document(
            layout.decision,
            plain
            | {
                "shards": [numbered_json(file) for file in self.manifests],
                "counts": dataclasses.asdict(self.counts),
                "funnel": [step.as_json() for step in self.funnel],
                "against": {"against": self.against.as_json()} if self.against else {},
                "outcomes": [numbered_json(outcome) for outcome in self.outcomes],
                "parts": [numbered_json(part) for part in self.parts],
                "files": _checksums(layout),
            },
        )

    @property
    def duplicates(self) -> int:
        """Return the number of samples that the recipe drops as duplicates."""
        return sum(outcome.duplicates for outcome in self.outcomes)

    @cached_property
    def types(self) -> ColumnTypes:
        """Return the types of the columns over all refined files, which all get the same schema."""
        return merged_types(_refined(self.manifests))

    def kept(self, number: int, layout: Layout) -> np.ndarray:
        """Return which measured samples of a source file are kept, in the order of its measured files; bool."""
        rows = pq.read_table(layout.fetched("stats", number), columns=["row"])["row"].to_numpy()
        ended = self.outcome_table.to_table(columns=["row"], filter=ds.field("shard") == number)["row"].to_numpy()
        return ~np.isin(rows, ended)


def _seconds_by_step(manifests: Sequence[FileManifest]) -> dict[str, float]:
    """Return the seconds every step took to measure, summed over files and workers."""
    total: Counter[str] = Counter()
    for file in manifests:
        total.update(file.seconds)
    return dict(total)


def _against(manifests: Sequence[FileManifest], dropped: int) -> Against | None:
    """Return the reference set and how many samples were dropped because of it; None if there is none."""
    if not manifests:
        return None
    files = tuple(ReferenceFile.of_json(numbered_json(file)) for file in manifests)
    return Against(samples=sum(file.records for file in manifests), dropped=dropped, files=files)


def outcome_version(outcomes: Iterable[FileOutcome]) -> str:
    """Return the version of several outcomes together, in their order."""
    return digest([outcome.version for outcome in outcomes])


def _outcomes(
    plan: Plan, manifests: Sequence[FileManifest], file_counts: Sequence[FileCounts]
) -> Iterator[FileOutcome]:
    columns = merged_types(_refined(manifests)).to_json()
    for file, counts in zip(manifests, file_counts, strict=True):
        version = digest([file.sha256, file.measure_key, file.records, counts.outcome_hash, columns])
        yield FileOutcome(
            file.number,
            version,
            counts.kept,
            counts.duplicates,
            sum(counts.created) - counts.expanded(plan) - counts.grouped(plan),
        )


def _refined(manifests: Sequence[FileManifest]) -> Sequence[FileManifest]:
    """Return the files of which samples may be kept: after a grouper, only the aggregates of the last one."""
    newest = max((file.number for file in manifests if are_aggregates(file.number)), default=None)
    return manifests if newest is None else [file for file in manifests if file.number == newest]


def _parts(
    text_key: str, manifests: Sequence[FileManifest], file_counts: Sequence[FileCounts], format: Format
) -> Iterator[RefinedFile]:
    refined = _refined(manifests)
    types = merged_types(refined)
    counted = {file.number: counts for file, counts in zip(manifests, file_counts, strict=True)}
    for file in refined:
        counts = counted[file.number]
        yield RefinedFile(file.number, counts.kept, part_key(file, counts.kept_mask, types, text_key, format), format)


def decided_files(layout: Layout) -> dict[str, Sum]:
    """Return size and CRC-32 of the files of the last decision, by their paths in the work folder.

    They are the outcomes, near pairs and frequent keys. Empty if there is no decision, or an earlier version made it.
    """
    files = (read_json(layout.decision) or {}).get("files", {})
    return {name: Sum(*written) for name, written in files.items()}


def _checksums(layout: Layout) -> dict[str, Sum]:
    paths = [path for pattern in _DECIDED for path in sorted(layout.work.glob(pattern))]
    return {path.relative_to(layout.work).as_posix(): Sum.of(path) for path in paths}


def _outcome_file(layout: Layout) -> Path:
    return layout.decision.with_name("fates.parquet")
