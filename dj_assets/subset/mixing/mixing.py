"""Make a mix: take samples of published subsets in exact amounts, and publish them as a subset of its own."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dj_assets.errors import RecipeError, UserError
from dj_assets.home.damage import Sum
from dj_assets.home.home import home_layout, require_local
from dj_assets.home.layout import Layout
from dj_assets.home.manifest import newest_run, next_run_id, published_run, require_refined
from dj_assets.home.mixed_share import MixedShare
from dj_assets.home.publication import Publication
from dj_assets.home.run_manifest import PublishedFile, RunManifest, RunMedia
from dj_assets.media.locations import Root
from dj_assets.publish.export.tokens import Tokenizer, TokenSettings
from dj_assets.recipe.mixture import Mix
from dj_assets.recipe.plan import digest
from dj_assets.stores.atomic import staged
from dj_assets.subset.finished import finished_run
from dj_assets.subset.locks import whole_subset
from dj_assets.subset.mixing.amounts import Available, Numbers, Taken, amounts, slots
from dj_assets.subset.mixing.lineage import Placed, add_runs, positions, write_lineage
from dj_assets.subset.mixing.mixed_files import TEXT, MixedSubset, write_mixed

# Increase it when the same file gives another mix.
_VERSION = 2
FILE = "mix.yaml"


def make_mix(mix: Mix, output: Path | None = None) -> tuple[RunManifest, bool]:
    """Publish a mix in the data home, or in an output folder; return its manifest, and whether it is a new one.

    The same file over the same published subsets makes nothing again. A mix that is killed leaves the old version.

    Raises
    ------
    RecipeError
        If a subset has too little, or is not there.
    UserError
        If another run is at work there, or the data home is in an object store.
    """
    if output is None:
        require_local(mix.name, "dj-assets mix")
    layout = home_layout(mix.name) if output is None else Layout.output(output)
    subsets = [_subset(mix, name) for name in mix.subsets]
    if any(subset.has_contents for subset in subsets):
        subsets = [replace(subset, with_contents=True) for subset in subsets]
    settings = None if mix.tokenizer_path is None else TokenSettings(mix.tokenizer_path, mix.end_of_document)
    inputs = [[subset.name, subset.manifest.result_key, subset.media_roots] for subset in subsets]
    result_key = digest([_VERSION, mix.model_dump(mode="json"), inputs, settings.claim() if settings else None])
    layout.work.mkdir(parents=True, exist_ok=True)
    with whole_subset(layout):
        now = published_run(layout)
        _require_mix(layout, now)
        if now is not None and now.result_key == result_key and _is_whole(layout, now):
            return now, False
        return _made(mix, layout, subsets, result_key, settings.open() if settings else None), True


def _made(
    mix: Mix, layout: Layout, subsets: Sequence[MixedSubset], result_key: str, tokenizer: Tokenizer | None
) -> RunManifest:
    available = [Available(one.name, one.samples, _tokens(one, tokenizer)) for one in subsets]
    taken = amounts(mix, available)
    places = slots(mix, available, taken)
    found = [positions(subset.layout, subset.manifest) for subset in subsets]
    with staged(layout.published) as staging:
        parts = write_mixed(staging / layout.refined.name, subsets, taken, places, found)
        for subset in subsets:
            _require_unchanged(mix, subset)
        shutil.copyfile(mix.file, staging / FILE)
        shares = [_share(*both) for both in zip(subsets, available, taken, strict=True)]
        manifest = _manifest(mix, shares, parts, next_run_id(layout, result_key), result_key)
        database = staging / layout.database.name
        origins = zip((subset.layout for subset in subsets), shares, taken, places, found, strict=True)
        write_lineage(database, [Placed(*origin) for origin in origins], parts)
        add_runs(database, manifest)
        manifest = manifest.with_database(Sum.of(database))
        if layout.work != layout.published:
            manifest.write(staging / "run.json")
    manifest.write(layout.runs / f"{manifest.run_id}.json")
    return manifest


def _subset(mix: Mix, name: str) -> MixedSubset:
    try:
        layout, manifest = finished_run(name)
    except UserError as error:
        raise RecipeError(mix.file, str(error), key=f"subsets.{name}") from error
    require_refined(layout, manifest, manifest.refined)
    if manifest.name == mix.name:
        raise RecipeError(mix.file, "is the mix itself", key=f"subsets.{name}", fix="rename the mix")
    return MixedSubset(name, layout, manifest, Publication.of(layout))


def _require_mix(layout: Layout, now: RunManifest | None) -> None:
    occupied = now is not None and not now.mix
    if occupied or (now is None and layout.refined.exists()):
        raise UserError(f"{layout.location}: holds a subset that is no mix; rename the mix, or choose another folder")


def _is_whole(layout: Layout, manifest: RunManifest) -> bool:
    parts = all(part.written.fits(layout.refined / part.name) for part in manifest.refined)
    return parts and manifest.database.fits(layout.database)


def _require_unchanged(mix: Mix, subset: MixedSubset) -> None:
    newest = newest_run(subset.layout)
    # the manifest of a newer run is written after its files
    moved = Publication.of(subset.layout) != subset.publication
    if newest is None or newest.run_id != subset.manifest.run_id or moved:
        raise RecipeError(mix.file, "was published again meanwhile", key=f"subsets.{subset.name}", fix="mix again")


def _tokens(subset: MixedSubset, tokenizer: Tokenizer | None) -> Numbers | None:
    """Return the tokens of every sample, with the end of its document; None without a tokenizer."""
    if tokenizer is None:
        return None
    texts = ([text or "" for text in batch[TEXT].to_pylist()] for batch in subset.batches())
    lengths = [len(document) for some in texts for document in tokenizer.documents(some)]
    return np.array(lengths, np.int64)


def _share(subset: MixedSubset, available: Available, taken: Taken) -> MixedShare:
    distinct = len(np.unique(taken.rows))
    return MixedShare(
        subset=subset.name,
        run_id=subset.manifest.run_id,
        result_key=subset.manifest.result_key,
        available=available.samples,
        samples=len(taken.rows),
        distinct=distinct,
        epochs=int(taken.epochs[-1]) + 1 if len(taken.rows) else 0,
        tokens=None if available.tokens is None else int(available.tokens[taken.rows].sum()),
    )


def _manifest(
    mix: Mix, shares: Sequence[MixedShare], parts: Sequence[PublishedFile], run_id: str, result_key: str
) -> RunManifest:
    available, kept = sum(one.available for one in shares), sum(one.samples for one in shares)
    distinct = sum(one.distinct for one in shares)
    content = hashlib.sha256(Path(mix.file).read_bytes()).hexdigest()
    return RunManifest(
        run_id=run_id,
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        recipe=str(Path(mix.file).absolute()),
        name=mix.name,
        process=(),
        text_keys=TEXT,
        stats_hash=content,
        refined_hash=content,
        result_key=result_key,
        samples_in=available,
        samples_out=kept,
        dropped=available - distinct,
        created=kept - distinct,
        quarantined=0,
        dropped_by_load=0,
        quarantined_by_load=0,
        retention=round(kept / available, 6) if available else 0.0,
        funnel=(),
        models=(),
        files=(),
        seconds={},
        versions={"python": sys.version.split()[0], "pyarrow": pa.__version__},
        measure_key="",
        # paths of media are absolute, or URLs that the subsets allowed
        media=RunMedia(roots={part.number: Root("/", allow_urls=True) for part in parts}),
        refined=tuple(parts),
        mix=tuple(shares),
    )
