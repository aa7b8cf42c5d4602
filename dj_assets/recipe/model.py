"""The typed recipe: what one YAML file says, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dj_assets.operators.base import Operator


def _as_tuple(value: Any) -> Any:  # noqa: ANN401
    return (value,) if isinstance(value, str) else value


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """Where the raw files of a subset lie: files, folders or globs, relative to the project."""

    paths: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(min_length=1)


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
    Quarantined may be a share of the samples, and a few even where that share is less than one sample.
    """

    retention: float = Field(0.05, ge=0, le=1)
    quarantine_share: float = Field(0.001, ge=0, le=1)
    quarantine_samples: int = Field(5, ge=0)


class AssetBlock(_Strict):
    """The block `asset:` of a recipe: what makes it a Dagster asset."""

    subset: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    group: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    source: Source | None = None
    reference: Reference | None = None
    description: str = ""
    links: dict[str, str] = Field(default_factory=dict)
    word_lists: dict[str, str] = Field(default_factory=dict)
    tolerance: Tolerance = Tolerance()


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    `file` is a path, or `<dict>` where the recipe came from Python. `notices` are sentences about accepted keys that
    have no effect, to be shown once.
    """

    file: str
    process: tuple[Operator, ...]
    text_key: str = "text"
    asset: AssetBlock | None = None
    project_name: str = ""
    workers: int | None = None
    dataset_path: str | None = None
    custom_operators: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`group/subset` of an asset, else the project's name."""
        return f"{self.asset.group}/{self.asset.subset}" if self.asset else self.project_name or "recipe"
