"""The file of a mixture, `NAME.mix.yaml`: which subsets, how much of each, and the seed."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dj_assets import settings
from dj_assets.errors import RecipeError
from dj_assets.recipe.yaml_file import read_yaml

SUFFIX = ".mix.yaml"
_NAME = r"^[a-z][a-z0-9_]*$"
_AMOUNTS = ("weight", "samples", "tokens", "epochs")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Strict):
    """Say how much of one subset is in the mix; exactly one of the four amounts.

    Attributes
    ----------
    weight
        Its part of the mix, relative to the weights of the other subsets.
    samples, tokens
        A fixed amount. Tokens are those of the tokenizer, with the ends of documents.
    epochs
        How often each of its samples is in the mix; 1.5 is all of them once, and half of them twice.
    max_epochs
        How often a sample may be in the mix at most.
    """

    weight: float | None = Field(None, gt=0)
    samples: int | None = Field(None, gt=0)
    tokens: int | None = Field(None, gt=0)
    epochs: float | None = Field(None, gt=0)
    max_epochs: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        given = [name for name in _AMOUNTS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_AMOUNTS)}, not {len(given)}")
        return self


class Mix(_Strict):
    """A mixture of refined subsets.

    Attributes
    ----------
    name
        The name of the mix in the data home, and of its asset.
    group
        The group of its asset.
    seed
        Another seed gives another choice and another order.
    samples, tokens
        The size of the whole mix, where subsets have weights.
    tokenizer
        A tokenizer.json, a SentencePiece model, or a folder with one, relative to this file. Amounts in tokens need it;
        with it, the tokens of each subset are counted in any case.
    end_of_document
        The token behind each document; by default the one that the tokenizer names so.
    subsets
        The subsets, by the names that `dj-assets export` takes, with their shares.
    """

    name: str = Field(pattern=_NAME)
    group: str = Field("mixes", pattern=_NAME)
    seed: int = Field(0, ge=0)
    samples: int | None = Field(None, gt=0)
    tokens: int | None = Field(None, gt=0)
    tokenizer: str | None = Field(None, min_length=1)
    end_of_document: str = ""
    subsets: dict[str, Share] = Field(min_length=1)
    file: str = Field("", exclude=True)

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        weighted = [share.weight is not None for share in self.subsets.values()]
        sizes = (self.samples is not None) + (self.tokens is not None)
        if any(weighted) and not all(weighted):
            raise ValueError("either all subsets have a weight, or none")
        if all(weighted) and sizes != 1:
            raise ValueError("weights need the size of the whole mix: add samples or tokens")
        if not any(weighted) and sizes:
            raise ValueError("samples and tokens of the whole mix go with weights; remove them, or give weights")
        in_tokens = self.tokens is not None or any(share.tokens is not None for share in self.subsets.values())
        if in_tokens and self.tokenizer is None:
            raise ValueError("amounts in tokens need a tokenizer: add tokenizer")
        return self

    @property
    def tokenizer_path(self) -> Path | None:
        """Return the path of the tokenizer, None without one."""
        return None if self.tokenizer is None else Path(self.file).parent / self.tokenizer


def load_mix(path: Path) -> Mix:
    """Load the file of a mixture.

    Raises
    ------
    RecipeError
        At the first error, naming the key.
    """
    content = read_yaml(path)
    try:
        return Mix.model_validate({**content, "file": str(path)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = str(first["msg"]).removeprefix("Value error, ")
        key = ".".join(map(str, first["loc"])) or None
        fix = "a mix has name, seed, samples or tokens, and subsets" if first["type"] == "extra_forbidden" else None
        raise RecipeError(str(path), problem, key=key, fix=fix) from None


def find_mixes(folders: tuple[Path, ...], subsets: Container[str]) -> tuple[dict[str, Mix], dict[Path, RecipeError]]:
    """Load every `*.mix.yaml` below some folders; return the mixes by name, and the errors of the others.

    A mix cannot have the name of a subset. One of the user's takes the place of an included one with the same name.
    """
    mixes: dict[str, Mix] = {}
    broken: dict[Path, RecipeError] = {}
    for path in (path for folder in folders for path in sorted(folder.rglob(f"*{SUFFIX}"))):
        try:
            mix = load_mix(path)
        except RecipeError as error:
            broken[path] = error
            continue
        if mix.name in subsets:
            broken[path] = RecipeError(str(path), f"{mix.name!r} is the name of a subset", key="name", fix="rename it")
        elif mix.name not in mixes:
            mixes[mix.name] = mix
        elif not path.is_relative_to(settings.included_recipes()):
            taken = f"name {mix.name!r} is taken by {mixes[mix.name].file}"
            broken[path] = RecipeError(str(path), taken, key="name", fix="rename one")
    return mixes, broken
