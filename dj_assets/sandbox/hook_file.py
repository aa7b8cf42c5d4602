"""The hook file: the user's commands that train on a pool and evaluate, and the metrics that count."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dj_assets.errors import UserError
from dj_assets.included import samples_folder
from dj_assets.operators.registry import nearest
from dj_assets.recipe.plan import digest
from dj_assets.recipe.yaml_file import read_yaml

PLACEHOLDERS = ("data", "count", "seed", "out", "base", "pool", "slot", "python", "samples")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_STAGES = ("train", "infer", "eval")


def _arguments(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


Command = Annotated[tuple[str, ...], BeforeValidator(_arguments), Field(min_length=1)]


class Metric(BaseModel):
    """A number that a command reports, whether higher is better, and its weight in a pool's score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    higher_is_better: bool
    weight: float = Field(1.0, gt=0)
    unit: str = ""


class Hook(BaseModel):
    """The commands that are run on every pool.

    Attributes
    ----------
    train, infer, eval
        Commands as lists of arguments (or one line that is split as a shell splits it; no shell is started). The given
        ones run one after the other and share `{out}`. The numbers of the last one count. Placeholders: `{data}` the
        file of the pool, or its folder where the format is Parquet, `{count}` the number of its samples, `{seed}`,
        `{out}` a folder for this evaluation only, `{base}`, `{pool}` the name of the pool, `{slot}`, `{python}` the
        interpreter that runs this, `{samples}` the folder of the included sample data.
    metrics
        Numbers that must be reported, in the last line of standard output that is a JSON object, or in
        `{out}/metrics.json`. Nested objects are flattened with dots.
    model
        The name of the trained model in the evaluation records.
    repeats
        The number of seeds, which begin at 1.
    timeout_s
        The longest time of each command in seconds.
    slots
        The number of evaluations that run at the same time on this machine; `{slot}` counts from 0.
    environment
        Variables in addition to those of this process, with placeholders as in commands.
    folder
        The working folder of the commands, relative to the hook file.
    base
        A path of the user, such as a base model.
    format
        The format of `{data}`: `jsonl` and `parquet` hold whole samples, `ids` holds one id per line.
    files
        Files whose content is part of the identity. Files that are arguments are part of it without being named here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Command | None = None
    infer: Command | None = None
    eval: Command | None = None
    metrics: dict[str, Metric] = Field(min_length=1)
    model: str = "model"
    repeats: int = Field(3, ge=1)
    timeout_s: float = Field(3600.0, gt=0)
    slots: int = Field(1, ge=1)
    environment: dict[str, str] = Field(default_factory=dict)
    folder: str = "."
    base: str = ""
    format: Literal["jsonl", "parquet", "ids"] = "jsonl"
    files: tuple[str, ...] = ()
    file: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _usable(self) -> Hook:
        if not self.commands:
            raise ValueError(f"needs a command: one of {', '.join(_STAGES)}")
        texts = [argument for command in self.commands for argument in command] + list(self.environment.values())
        for name in (placeholder for text in texts for placeholder in _PLACEHOLDER.findall(text)):
            if name not in PLACEHOLDERS:
                near = nearest(name, list(PLACEHOLDERS))
                raise ValueError(f"unknown placeholder {{{name}}}" + (f"; did you mean {{{near}}}?" if near else ""))
        return self

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """Return the commands in the order of execution."""
        return tuple(command for command in (self.train, self.infer, self.eval) if command)

    @property
    def working_folder(self) -> Path:
        """Return the folder where the commands run."""
        return (self.file.parent / self.folder).resolve()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds of the repeats."""
        return tuple(range(1, self.repeats + 1))

    def identity(self) -> str:
        """Return the hash of everything that decides the result of a training: commands, files, environment, format.

        Time-out, slots, repeats and the weights of metrics are not part of it.
        """
        named = {*self.files, *(argument for command in self.commands for argument in command)}
        paths = {name: name.replace("{samples}", str(samples_folder())) for name in named}
        files = ((name, self.working_folder / paths[name]) for name in sorted(named))
        contents = {name: _sha256(path, path.stat().st_mtime_ns) for name, path in files if path.is_file()}
        return digest([self.commands, self.environment, self.folder, self.base, self.format, contents])


def load_hook(path: Path) -> Hook:
    """Read a hook file.

    Raises
    ------
    UserError
        If the file has a fault; the message names the file, the key and the fault.
    """
    content = read_yaml(path)
    try:
        hook = Hook.model_validate({**content, "file": path.resolve()})
    except ValidationError as error:
        faults = error.errors(include_url=False)
        # report a misspelt key before the key that is then missing
        first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
        key = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            near = nearest(key, sorted(Hook.model_fields))
            problem = "unknown key" + (f"; did you mean {near!r}?" if near else "")
        raise UserError(f"{path}: {key + ': ' if key else ''}{problem}") from None
    missing = [name for name in hook.files if not (hook.working_folder / name).is_file()]
    if missing or not hook.working_folder.is_dir():
        raise UserError(f"{path}: no such file or folder: {missing[0] if missing else hook.working_folder}")
    return hook


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders replaced; other braces stay."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def interpreter() -> str:
    """Return the value of `{python}`."""
    return sys.executable


@cache
def _sha256(path: Path, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
