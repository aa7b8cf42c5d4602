"""The options of a subset's run, and the results of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from dj_assets.home.layout import Layout
from dj_assets.home.run_manifest import FunnelStep, RunManifest
from dj_assets.measure.engines import EngineName, default_engine
from dj_assets.measure.progress import Report
from dj_assets.models.store import ModelStore
from dj_assets.models.text.counting import CallCounts
from dj_assets.publish.parts import Format
from dj_assets.publish.release import Accompany
from dj_assets.replay.decision import FileOutcome
from dj_assets.sources.bundles import DEFAULT_PART_BYTES


@dataclass(frozen=True)
class Options:
    """Hold the options of a run; results are the same for every number of workers.

    `limit` reads only the first n records; `workers` defaults to the recipe's `np`, else to the CPUs at hand,
    and to fewer for small inputs; on a Ray cluster to all of its CPUs. `engine` is what measures and writes, default
    `DJ_ENGINE`: worker processes of this machine ("local"), or a Ray cluster. `accompany` writes what people read
    next to the data, see `Release`. `against_text_key` is the key of the text in the reference set, default the text
    key of the recipe. `part_bytes` are about the bytes of small source files that become one refined
    file. `patience_s` is how long to wait for another run that is at work in the folder.
    """

    workers: int | None = None
    limit: int | None = None
    format: Format = "parquet"
    models: ModelStore = field(default_factory=ModelStore)
    accompany: Accompany | None = None
    patience_s: float = 0
    engine: EngineName = field(default_factory=default_engine)
    against_text_key: str | None = None
    part_bytes: int = DEFAULT_PART_BYTES


class RunOptions(TypedDict, total=False):
    """The keyword arguments of `run_recipe` that become `Options`."""

    workers: int | None
    limit: int | None
    format: Format
    accompany: Accompany | None
    against_text_key: str | None
    part_bytes: int


class RecipeOptions(RunOptions, total=False):
    """All keyword arguments of `run_recipe`."""

    against: Sequence[str | Path] | None
    models: str | Path | None
    overwrite: bool
    report: Report
    engine: EngineName | None


@dataclass(frozen=True)
class MeasureResult:
    """Hold the result of `measure`: files measured now and those found up to date, and the calls of models by step."""

    samples: int
    files_measured: int
    files_reused: int
    text_bytes: int
    seconds: float
    source_version: str
    data_version: str
    calls: Mapping[str, CallCounts] = field(default_factory=dict)


@dataclass(frozen=True)
class DeduplicateResult:
    """Hold the result of `deduplicate`: duplicates that the recipe drops, and the near pairs behind them.

    `against` of the duplicates are those of the reference set. `outcomes` say, for every file that took part, what
    became of its samples; `missing` names shards of a sharded subset that took no part: they are not measured.
    `removed` names the files that the published version was made of and the source no longer has.
    """

    duplicates: int
    clusters: int
    near_pairs: int
    seconds: float
    data_version: str
    against: int = 0
    outcomes: Mapping[str, FileOutcome] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """A published run. `reused` says that everything was up to date and nothing was written.

    `seconds` is the time of this call; the manifest has the time of the run that published.

    Examples
    --------
    >>> from pathlib import Path
    >>> import dj_assets
    >>> import pyarrow.dataset as ds
    >>> size = Path("in.jsonl").write_text('{"text": "One text.", "id": "a"}')
    >>> first = dj_assets.run_recipe({"process": ["text_length_filter"]}, ["in.jsonl"], "out", workers=1)
    >>> (first.samples_out, first.retention, first.reused)
    (0, 0.0, False)
    >>> ds.dataset("out/dropped.parquet").to_table(columns=["id", "operator"]).to_pylist()
    [{'id': 'a', 'operator': 'text_length_filter'}]
    >>> dj_assets.run_recipe({"process": ["text_length_filter"]}, ["in.jsonl"], "out", workers=1).reused
    True
    """

    folder: Path
    run_id: str
    samples_in: int
    samples_out: int
    dropped: int
    quarantined: int
    retention: float
    funnel: tuple[FunnelStep, ...]
    manifest: RunManifest
    database: Path
    refined: tuple[Path, ...]
    data_version: str
    reused: bool
    seconds: float

    @classmethod
    def of_manifest(
        cls, manifest: RunManifest, layout: Layout, *, reused: bool, seconds: float | None = None
    ) -> RunResult:
        """Describe the content of the folder, from the manifest of the run that published it."""
        return cls(
            folder=layout.published,
            run_id=manifest.run_id,
            samples_in=manifest.samples_in,
            samples_out=manifest.samples_out,
            dropped=manifest.dropped,
            quarantined=manifest.quarantined,
            retention=manifest.retention,
            funnel=manifest.funnel,
            manifest=manifest,
            database=layout.database,
            refined=tuple(layout.refined / part.name for part in manifest.refined),
            data_version=manifest.result_key,
            reused=reused,
            seconds=sum(manifest.seconds.values()) if seconds is None else seconds,
        )


@dataclass(frozen=True)
class RefineResult:
    """Hold the result of `refine_shard`: the shard is written, and published once no other shard is `waited_for`.

    `added` counts the samples that were made from others, less those that they replaced. `data_version` identifies the
    content of its refined files, `outcome` what was decided about its samples.
    """

    samples_in: int
    added: int
    samples_out: int
    files: int
    data_version: str
    outcome: str
    seconds: float
    waited_for: tuple[str, ...]
    published: RunResult | None
