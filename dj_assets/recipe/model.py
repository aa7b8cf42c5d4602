"""Define the typed recipe: the checked content of one YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from dj_assets.errors import UserError
from dj_assets.media.media_keys import MediaKeys
from dj_assets.operators.base import Operator
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.recipe.sandbox_block import SandboxBlock
from dj_assets.recipe.sizes import parse_bytes
from dj_assets.urls import checked_location


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _listed(value: object) -> object:
    if value is None:
        return ()
    return (value,) if isinstance(value, dict | BaseModel) else value


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


RawFormat = Literal["alpaca_cot", "arxiv", "llava", "stackexchange", "video_captions", "warc", "webdataset"]
Language = Literal["en", "zh"]
_NAME = r"^[a-z][a-z0-9_]*$"
# As Dagster takes them: one recipe that it refuses would hide all others.
_OWNER = r"^(team:[A-Za-z0-9_.\-]+|[^@\s]+@[^@\s.]+(\.[^@\s.]+)+)$"
_TAG_KEY = r"^([A-Za-z0-9_.\-]{1,63}/)?[A-Za-z0-9_.\-]{1,63}$"
_TAG_VALUE = r"^[A-Za-z0-9_.\-]{0,63}$"
_KEY_PART = r"^[A-Za-z0-9_.\-]+$"


class Source(_Strict):
    """Describe one source of a subset: raw files, or another subset after its refinement.

    Attributes
    ----------
    paths
        Files, folders or globs, relative to the project, URLs such as `s3://bucket/c4/*.json.gz`, or included sample
        data such as `sample:c4`. `path` is accepted for a single one.
    subset
        The name of a refined subset of the gallery, in place of `paths`.
    text_key
        The field with the text of its records; default is the text key of the recipe.
    media_root
        The folder of relative paths of images and clips, relative to the folder of one's own recipe, or to the project
        for a recipe of the gallery; default is the folder of each file, and for a refined subset that of its source.
    allow_outside, allow_urls
        Permit images and clips outside of that folder, and URLs. Otherwise they are refused.
    format
        The reader for raw files that do not hold one sample a record: raw Alpaca-CoT records, arXiv bundles, dumps of
        Stack Exchange, the pretraining data of LLaVA, annotations of clips, tar archives of images or clips with their
        captions. Files that already hold samples are read as such.
    language
        Select the raw Alpaca-CoT records of this language; the others belong to another subset.
    name
        The origin of its samples if a subset has several sources; default is the subset, else the first path.
    """

    paths: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    subset: str | None = Field(None, pattern=_NAME)
    text_key: str | None = Field(None, min_length=1)
    media_root: str | None = Field(None, min_length=1)
    allow_outside: bool = False
    allow_urls: bool = False
    format: RawFormat | None = None
    language: Language | None = None
    name: str | None = Field(None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _path_is_paths(cls, value: object) -> object:
        if isinstance(value, dict) and "path" in value and "paths" not in value:
            return {("paths" if key == "path" else key): entry for key, entry in value.items()}
        return value

    @field_validator("paths")
    @classmethod
    def _without_credentials(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(checked_location(path) for path in value)
        except UserError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.paths) == (self.subset is not None):
            raise ValueError("needs either paths or the name of a refined subset")
        if self.subset is not None and self.format is not None:
            raise ValueError("a refined subset has no raw format")
        if self.language is not None and self.format != "alpaca_cot":
            raise ValueError("language goes with the format alpaca_cot")
        return self

    @property
    def origin(self) -> str:
        """Return the origin of its samples."""
        return self.name or self.subset or Path(self.paths[0]).name


class Reference(_Strict):
    """Describe the published figures of a subset: rows before and after, and the stated rate."""

    rows_in: int
    rows_out: int
    published_retention: float

    @property
    def computed_retention(self) -> float:
        """Return the rate computed from the two counts; it may differ from the published one."""
        return self.rows_out / self.rows_in


class Tolerance(_Strict):
    """Set the limits of the checks of a refined subset.

    `retention` is the largest difference of the retention from that of the last run and from that of the reference, as
    a difference of shares. `quarantine_share` of the samples may be quarantined, and `quarantine_samples` in any case.
    An operator that drops nothing causes a warning from `idle_samples` samples on: with fewer samples, many filters
    find nothing to drop. `drift` is the largest change of the distribution of a statistic from one run to the next, as
    population stability index.
    """

    retention: float = Field(0.05, ge=0, le=1)
    quarantine_share: float = Field(0.001, ge=0, le=1)
    quarantine_samples: int = Field(5, ge=0)
    idle_samples: int = Field(1000, ge=0)
    drift: float = Field(0.2, ge=0)


class Sharding(_Strict):
    """Group the files of a source into shards, the partitions of the asset: at most 1000 of them.

    Adjacent files form one shard until there are `files` of them, or until their size on the disk reaches `megabytes`
    (10^6 bytes). A larger file is a shard by itself. A file stays in its shard when other files are added or removed.
    """

    files: int = Field(1000, ge=1)
    megabytes: float = Field(256.0, gt=0)


class Freshness(_Strict):
    """Set the age, in hours since the last materialization, from which Dagster shows the refined subset as stale.

    From `warn_hours` on it is a warning, from `fail_hours` on a failure. The daemon checks it.
    """

    fail_hours: float = Field(gt=0)
    warn_hours: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        if self.warn_hours is not None and self.warn_hours >= self.fail_hours:
            raise ValueError("warn_hours must be less than fail_hours")
        return self


class ExportBlock(_Strict):
    """Set how the asset `<subset>_export` writes the refined subset.

    Attributes
    ----------
    format
        jsonl, jsonl.zst, parquet, huggingface (Parquet with a card that `datasets` and the hub read), webdataset (a tar
        with several files for each sample, including its media), llava, megatron (tokens as `.bin` and `.idx`), mds
        (tokens for MosaicML's Streaming), litdata (tokens for litdata), label_studio, or a new version of a table of
        lance, delta or iceberg.
    shard_size
        The size at which a part is closed, such as 256MB.
    folder
        The target folder, relative to the project; by default `export/` in the subset's folder of the data home.
    tokenizer
        For megatron, mds and litdata: a tokenizer.json, a SentencePiece model, or a folder with one, relative to the
        project.
    end_of_document
        The token behind each document; by default the one that the tokenizer names so.
    sequence_length
        For mds and litdata: tokens of a sample, documents packed one behind the other; by default a document is a
        sample.
    """

    format: ExportFormat = "parquet"
    shard_size: str = "256MB"
    folder: str | None = Field(None, min_length=1)
    tokenizer: str | None = Field(None, min_length=1)
    end_of_document: str = ""
    sequence_length: int = Field(0, ge=0)

    @field_validator("shard_size", mode="before")
    @classmethod
    def _is_a_size(cls, value: object) -> str:
        parse_bytes(str(value))
        return str(value)


class AssetBlock(_Strict):
    """Define the block `asset:` of a recipe, which makes it a Dagster asset.

    `source` is one source, or a list of sources whose samples follow in the given order. Without it, `sources.yaml` or
    the environment must name the source. `against` is the same for a reference set: samples that are duplicates of its
    samples are dropped, and none of its own samples is published. `shards` makes the asset partitioned: separate runs
    measure and refine its shards. Without `shards` one run does everything. `licence` is the licence of the data for
    the dataset card: an identifier such as `odc-by`, or a sentence. `stats` selects the samples that costly steps take:
    with `full` all samples; with `cascade` only samples that the filters before keep. Costly steps are those that make
    media files, and filters by perplexity, motion or models over media. Without `stats`, only steps that make media
    files are conditional. The refined samples are the same, but every threshold before a conditional step affects which
    samples it takes. `freshness` is the policy of the refined asset. `owners` (an e-mail address, or `team:` and a
    name), `tags` and `key_prefix` are those of the assets in Dagster.
    """

    subset: str = Field(pattern=_NAME)
    group: str = Field(pattern=_NAME)
    source: Annotated[tuple[Source, ...], BeforeValidator(_listed)] = ()
    against: Annotated[tuple[Source, ...], BeforeValidator(_listed)] = ()
    reference: Reference | None = None
    description: str = ""
    links: dict[str, str] = Field(default_factory=dict)
    word_lists: dict[str, str] = Field(default_factory=dict)
    tolerance: Tolerance = Tolerance()
    export: ExportBlock = ExportBlock()
    licence: str = ""
    sandbox: SandboxBlock | None = None
    shards: Sharding | None = None
    stats: Literal["full", "cascade"] | None = None
    freshness: Freshness | None = None
    owners: tuple[Annotated[str, Field(pattern=_OWNER)], ...] = ()
    tags: dict[Annotated[str, Field(pattern=_TAG_KEY)], Annotated[str, Field(pattern=_TAG_VALUE)]] = Field(
        default_factory=dict
    )
    key_prefix: Annotated[tuple[Annotated[str, Field(pattern=_KEY_PART)], ...], BeforeValidator(_as_tuple)] = ()


@dataclass(frozen=True)
class Recipe:
    """Hold a checked recipe, which need not be one of the gallery.

    `file` is a path, or `<dict>` if the recipe comes from Python. `inputs` are the sources that its keys `dataset_path`
    or `dataset` name. The first `prepended` operators of `process` are not in the list of the file; `entries` are the
    indices in that list of the others, of which several may be from one entry. `notices` are
    sentences about accepted keys without effect, to be shown once. Properties that an `asset:` block sets have their
    defaults here.
    """

    file: str
    process: tuple[Operator, ...]
    text_key: str = "text"
    media: MediaKeys = field(default_factory=MediaKeys)
    project_name: str = ""
    workers: int | None = None
    inputs: tuple[Source, ...] = ()
    prepended: int = 0
    entries: tuple[int, ...] = ()
    custom_operators: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()

    def index_in_file(self, index: int) -> int:
        """Return the index in the list of the file of the operator with an index in `process`."""
        place = index - self.prepended
        return self.entries[place] if 0 <= place < len(self.entries) else place

    @property
    def name(self) -> str:
        """Return the project name, else the name of the file."""
        file = Path(self.file)
        return self.project_name or (file.stem if file.suffix in {".yaml", ".yml"} else "recipe")

    @property
    def source(self) -> tuple[Source, ...]:
        """Return the source that the recipe names; empty if it names none."""
        return ()

    @property
    def against(self) -> tuple[Source, ...]:
        """Return the reference set that the recipe is deduplicated against; empty if there is none."""
        return ()

    @property
    def reference(self) -> Reference | None:
        """Return the counts that the gallery published; None if there are none."""
        return None

    @property
    def tolerance(self) -> Tolerance:
        """Return the limits of the checks."""
        return Tolerance()

    @property
    def shards(self) -> Sharding | None:
        """Return how the source is grouped into shards; None if it is not."""
        return None

    @property
    def stats(self) -> Literal["full", "cascade"] | None:
        """Return for which samples statistics are measured; None if the recipe leaves it open, see `AssetBlock`."""
        return None

    @property
    def description(self) -> str:
        """Return a sentence about the subset; empty if there is none."""
        return ""

    @property
    def licence(self) -> str:
        """Return the licence of the data; empty if it is not stated."""
        return ""

    def as_asset(self, asset: AssetBlock) -> GalleryRecipe:
        """Return the recipe with an asset block."""
        values = {part.name: getattr(self, part.name) for part in fields(Recipe)}
        return GalleryRecipe(**values, asset=asset)


@dataclass(frozen=True, kw_only=True)
class GalleryRecipe(Recipe):
    """Hold a recipe that is an asset: its block `asset:`, as it is written or as the place of its file implies."""

    asset: AssetBlock

    @property
    def name(self) -> str:
        """Return `group/subset`."""
        return f"{self.asset.group}/{self.asset.subset}"

    @property
    def source(self) -> tuple[Source, ...]:
        """Return the source of the asset block; empty if the block has none."""
        return self.asset.source

    @property
    def against(self) -> tuple[Source, ...]:
        """Return the reference set of the asset block."""
        return self.asset.against

    @property
    def reference(self) -> Reference | None:
        """Return the published counts of the asset block."""
        return self.asset.reference

    @property
    def tolerance(self) -> Tolerance:
        """Return the limits of the asset block."""
        return self.asset.tolerance

    @property
    def shards(self) -> Sharding | None:
        """Return the grouping of the asset block."""
        return self.asset.shards

    @property
    def stats(self) -> Literal["full", "cascade"] | None:
        """Return `stats` of the asset block."""
        return self.asset.stats

    @property
    def description(self) -> str:
        """Return the description of the asset block."""
        return self.asset.description

    @property
    def licence(self) -> str:
        """Return the licence of the asset block."""
        return self.asset.licence
