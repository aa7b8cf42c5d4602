"""Any recipe over any files, into a folder of its own: `dj-assets run` and the same from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Unpack

from dj_assets.errors import UserError
from dj_assets.home.disk import disk_faults
from dj_assets.home.home import output_layout
from dj_assets.home.json_files import read_json, write_document
from dj_assets.measure.engines import EngineName, default_engine, engine_named
from dj_assets.measure.progress import Report, silent
from dj_assets.models.store import ModelStore
from dj_assets.publish.open_lineage import LineageRun
from dj_assets.recipe.load import load_recipe
from dj_assets.recipe.model import Recipe
from dj_assets.sources.bundles import DEFAULT_PART_BYTES
from dj_assets.subset.results import Options, RunOptions, RunResult
from dj_assets.subset.steps import Subset
from dj_assets.urls import from_here, is_url


def run_recipe(
    recipe: str | Path | Mapping[str, object] | Recipe,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    against: Sequence[str | Path] | None = None,
    models: str | Path | None = None,
    overwrite: bool = False,
    report: Report = silent,
    engine: EngineName | None = None,
    **options: Unpack[RunOptions],
) -> RunResult:
    r"""Run any recipe over any files; the output folder holds everything described in the README.

    Parameters
    ----------
    recipe
        A YAML file, or a dict with the same keys. It needs no `asset:` block.
    inputs
        Files, folders or globs, relative to the current folder, or URLs.
    output
        A folder or URL that is new, empty, or holds an earlier run of the same recipe and inputs, which then goes on.
    against
        Files, folders or globs of a reference set: samples that are duplicates of its samples are dropped. It replaces
        what the recipe names.
    models
        A folder searched for models before all others.
    overwrite
        Take a folder that holds another run; what is measured already and still right is used again.
    engine
        The engine that measures and writes: "local", worker processes of this machine, or "ray", a Ray cluster (that of
        `RAY_ADDRESS` names or that runs on this machine, else one that is started here); default `DJ_ENGINE`. Results
        are the same.
    options
        `workers`, `limit` (records read), `format` of the refined shards ("parquet" or "jsonl"), `accompany`,
        `against_text_key` (the key of the text in the reference set), `part_bytes` (about the bytes of small source
        files that become one refined file).

    Raises
    ------
    UserError
        For a fault in the recipe, the inputs, the models or the output folder, before any data is read.

    Examples
    --------
    A changed threshold does not measure again:

    >>> from pathlib import Path
    >>> from dj_assets.subset import run_recipe
    >>> size = Path("in.jsonl").write_text('{"text": "A short text."}\n{"text": "A text that is a little longer."}')
    >>> def kept(shortest):
    ...     recipe = {"process": [{"text_length_filter": {"min_len": shortest}}]}
    ...     return run_recipe(recipe, ["in.jsonl"], "out", workers=1, overwrite=True).samples_out
    >>> kept(10), kept(20)
    (2, 1)
    """
    layout = output_layout(output)
    _refuse_output_inside(layout.location, [from_here(path) for path in (*inputs, *(against or ()))])
    subset = Subset(load_recipe(recipe), inputs, layout, _options(models, engine, options), against=against)
    _claim(subset, overwrite=overwrite)
    lineage = LineageRun(subset.recipe.name)
    lineage.start()
    with lineage.failures():
        result = subset.run(report)
    lineage.complete(result.manifest, layout.location)
    return result


def _refuse_output_inside(output: str | Path, inputs: Sequence[str | Path]) -> None:
    """Raise for an output folder inside an input folder: the next run would read the results of this one."""
    for folder in inputs:
        inside = (
            PurePosixPath(str(output)).is_relative_to(PurePosixPath(str(folder)))
            if is_url(folder)
            else not is_url(output)
            and Path(folder).is_dir()
            and Path(output).resolve().is_relative_to(Path(folder).resolve())
        )
        if inside:
            raise UserError(
                f"{output}: is inside the input folder {folder}, so the next run would read the results of this one; "
                "choose a folder elsewhere"
            )


def _options(models: str | Path | None, engine: EngineName | None, options: RunOptions) -> Options:
    chosen = default_engine() if engine is None else engine_named(engine)
    return Options(models=ModelStore.with_folder(models), engine=chosen, **options)


def _claim(subset: Subset, *, overwrite: bool) -> None:
    """Claim the output folder for this run; refuse a folder with other content unless `overwrite` is true."""
    folder, mark = subset.layout.published, subset.layout.work / "claim.json"
    options = subset.options
    claim = {
        "refined_hash": subset.plan.refined_hash,
        "inputs": [str(file.path) for file in subset.found],
        "options": [options.limit, options.format],
        **({"against": [str(file.path) for file in subset.against]} if subset.against else {}),
        **({"part_bytes": options.part_bytes} if options.part_bytes != DEFAULT_PART_BYTES else {}),
        **({"against_text_key": options.against_text_key} if options.against_text_key else {}),
    }
    if not overwrite and subset.layout.is_occupied() and read_json(mark) != claim:
        raise UserError(
            f"{subset.layout.location}: is in use by another run or other files; "
            "choose a new folder or pass --overwrite"
        )
    with disk_faults(folder, subset.expected_bytes):
        write_document(mark, claim)
