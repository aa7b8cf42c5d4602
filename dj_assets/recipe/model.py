"""The typed recipe: what one YAML file says, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from dj_assets.errors import UserError
from dj_assets.media.keys import MediaKeys
from dj_assets.operators.base import Operator
from dj_assets.recipe.sandbox_block import SandboxBlock
from dj_assets.recipe.sizes import parse_bytes
from dj_assets.urls import checked_place


def _as_tuple(value: Any) -> Any:  # noqa: ANN401
    return (value,) if isinstance(value, str) else value


def _listed(value: Any) -> Any:  # noqa: ANN401
    if value is None:
        return ()
    return (value,) if isinstance(value, dict | BaseModel) else value


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


RawFormat = Literal["alpaca_cot", "arxiv", "llava", "stackexchange", "video_captions", "webdataset"]
Language = Literal["en", "zh"]
_NAME = r"^[a-z][a-z0-9_]*$"


class Source(_Strict):
    """One source of a subset: raw files, or another subset once it is refined.

    Attributes
    ----------
    paths
        Files, folders or globs, relative to the project, or URLs such as `s3://bucket/c4/*.json.gz`. `path` may stand
        for a single one.
    subset
        The name of a refined subset of the gallery, in place of `paths`.
    text_key
        Where its records have the text, if not where the recipe says.
    media_root
        The folder that relative paths of images and clips start from, relative to the project; default is the folder of
        each file.
    allow_outside, allow_urls
        Read images and clips outside of that folder, and URLs, which are refused else.
    format
        How raw files are read that do not hold one sample a record: raw Alpaca-CoT records, arXiv bundles, dumps of
        Stack Exchange, the pretraining data of LLaVA, annotations of clips, tar archives of images or clips with their
        captions. Files that hold samples already are read as such.
    language
        Raw Alpaca-CoT records of this language are taken, the others belong to another subset.
    name
        What its samples carry as origin where a subset has several sources; default is the subset, else the first path.
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
    def _path_is_paths(cls, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict) and "path" in value and "paths" not in value:
            return {("paths" if key == "path" else key): entry for key, entry in value.items()}
        return value

    @field_validator("paths")
    @classmethod
    def _without_credentials(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(checked_place(path) for path in value)
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
        """The name that its samples carry."""
        return self.name or self.subset or Path(self.paths[0]).name


class Reference(_Strict):
    """What the gallery published about a subset: rows before and after, and the rate it states."""

    rows_in: int
    rows_out: int
    published_retention: float

    @property
    def computed_retention(self) -> float:
        """The rate that the two counts give; it may differ from the published one."""
        return self.rows_out / self.rows_in


class Tolerance(_Strict):
    """What the checks of a refined subset let pass.

    `retention` is how far the retention may lie from the last run's and from the reference, as a difference of shares.
    Quarantined may be a share of the samples, and a few even where that share is less than one sample. An operator that
    drops nothing is worth a warning from `idle_samples` samples on: among fewer, many filters have nothing to find.
    `drift` is how far a statistic's distribution may move from one run to the next, as population stability index.
    """

    retention: float = Field(0.05, ge=0, le=1)
    quarantine_share: float = Field(0.001, ge=0, le=1)
    quarantine_samples: int = Field(5, ge=0)
    idle_samples: int = Field(1000, ge=0)
    drift: float = Field(0.2, ge=0)


class Sharding(_Strict):
    """How the files of a source are grouped into shards, the partitions of the asset: at most 1000 of them.

    Neighbouring files make one shard until there are `files` of them, or they take `megabytes` (10^6 bytes, as they lie
    on the disk); one that is larger is a shard by itself. A file stays in its shard when others come and go.
    """

    files: int = Field(1000, ge=1)
    megabytes: float = Field(256.0, gt=0)


class ExportBlock(_Strict):
    """How the asset `<subset>_export` writes the refined subset.

    Attributes
    ----------
    format
        jsonl, jsonl.zst, parquet, webdataset (a tar with a few files a sample, its media among them) or llava.
    shard_size
        A part is closed once it is so large, such as 256MB.
    folder
        Where to, relative to the project; by default `export/` in the subset's folder of the data home.
    """

    format: Literal["jsonl", "jsonl.zst", "parquet", "webdataset", "llava"] = "parquet"
    shard_size: str = "256MB"
    folder: str | None = Field(None, min_length=1)

    @field_validator("shard_size", mode="before")
    @classmethod
    def _is_a_size(cls, value: Any) -> str:  # noqa: ANN401
        parse_bytes(str(value))
        return str(value)


class AssetBlock(_Strict):
    """The block `asset:` of a recipe: what makes it a Dagster asset.

    `source` is one source, or a list of them whose samples follow in the order given; no entry is one to be named by
    `sources.yaml` or the environment. `against` is the same for a reference set: samples that are duplicates of its
    samples are dropped, none of its own is published. `shards` makes it a partitioned asset whose shards are measured
    and refined by runs of their own; without it one run does everything. `licence` is what the data stand under, for
    the dataset card: an identifier such as `odc-by`, or a sentence. `stats` says of which samples statistics are
    measured: of all (`full`), or the costly ones (perplexity, motion, what models judge of media) only of those that
    the filters before keep (`cascade`). The refined samples are the same, but with `cascade` every threshold before a
    costly filter decides what is measured.
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
    stats: Literal["full", "cascade"] = "full"


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    `file` is a path, or `<dict>` where the recipe came from Python. `notices` are sentences about accepted keys that
    have no effect, to be shown once.
    """

    file: str
    process: tuple[Operator, ...]
    text_key: str = "text"
    media: MediaKeys = field(default_factory=MediaKeys)
    asset: AssetBlock | None = None
    project_name: str = ""
    workers: int | None = None
    dataset_path: str | None = None
    custom_operators: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def against(self) -> tuple[Source, ...]:
        """The reference set that the asset is deduplicated against; empty where there is none."""
        return self.asset.against if self.asset else ()

    @property
    def name(self) -> str:
        """`group/subset` of an asset, else the project's name, else that of the file."""
        if self.asset:
            return f"{self.asset.group}/{self.asset.subset}"
        file = Path(self.file)
        return self.project_name or (file.stem if file.suffix in {".yaml", ".yml"} else "recipe")
