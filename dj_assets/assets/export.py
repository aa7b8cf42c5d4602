"""The export of a refined subset as a downstream asset; it runs only when a user or a job of the user starts it."""
# No postponed annotations here: Dagster reads those of `context` and `config`.

import dagster as dg
from pydantic import Field

from dj_assets import settings
from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.failures import one_clear_line
from dj_assets.assets.labels import Metadata
from dj_assets.errors import UserError
from dj_assets.home.home import home_layout
from dj_assets.publish.export.export import Export, ExportedPart
from dj_assets.publish.export.formats import FORMATS
from dj_assets.publish.export.pushing import checked_target, push_export
from dj_assets.publish.export.table_versions import VERSION_FORMATS, TableExport
from dj_assets.publish.export.tokens import TokenSettings
from dj_assets.recipe.export_formats import ExportFormat
from dj_assets.recipe.model import ExportBlock, GalleryRecipe
from dj_assets.recipe.sizes import parse_bytes
from dj_assets.urls import location_of, url_of

_MAX_ROWS = 50


class ExportConfig(dg.Config):
    """The settings of a run that override the recipe; an empty one uses the value of the recipe."""

    format: str = Field("", description=f"One of {', '.join(FORMATS)}.")
    shard_size: str = Field("", description="The size at which a part is closed, such as 256MB.")
    folder: str = Field("", description="The target folder, relative to the project.")


def export_asset(recipe: GalleryRecipe) -> dg.AssetsDefinition:
    """Return the asset `<group>/<subset>_export`; the block `asset.export` of the recipe sets its format."""
    keys, block = SubsetKeys.of(recipe), recipe.asset.export

    @dg.asset(
        key=keys.export,
        deps=[keys.refined],
        group_name=keys.group,
        kinds={block.format.partition(".")[0]},
        tags={"dj/subset": keys.subset},
        description=f"{keys.subset} as {block.format}, in parts of {block.shard_size} with checksums.",
        metadata={"format": block.format, "shard_size": block.shard_size},
    )
    def export(context: dg.AssetExecutionContext, config: ExportConfig) -> dg.MaterializeResult[None]:
        """Write the missing parts of the export."""

        def tell(part: ExportedPart) -> None:
            context.log.info(f"{part.name}: {part.samples:,} samples, {part.bytes / 1e6:,.1f} MB")

        with one_clear_line():
            # only this asset uses the folder: a new format replaces the one before
            export, url = _export(keys.subset, block, config)
            checked_target(url or "", export.format)
            if export.format in VERSION_FORMATS:
                return _version(export)
            done = export.run(overwrite=True, report=tell)
            if url is not None:
                push_export(done, url, export.format)
        rows = [
            dg.TableRecord({"part": p.name, "samples": p.samples, "bytes": p.bytes}) for p in done.parts[:_MAX_ROWS]
        ]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": done.samples,
                "dagster/uri": url or str(done.folder),
                "bytes": done.bytes,
                "parts": len(done.parts),
                "written": done.written,
                **{name: done.count(name) for name in ("tokens", "tokens_left_out") if done.count(name)},
                "part_list": dg.MetadataValue.table(rows),
            }
        )

    return export


def _export(subset: str, block: ExportBlock, config: ExportConfig) -> tuple[Export, str | None]:
    """Return the export and, where its target is an object store, the URL of the target."""
    layout = home_layout(subset)
    folder = config.folder or block.folder
    try:
        size = parse_bytes(config.shard_size or block.shard_size)
    except ValueError as error:
        raise UserError(f"shard_size: {error}") from error
    target = location_of(folder, settings.project_root()) if folder else layout.export
    return (
        Export(
            layout=layout,
            folder=target,
            format=checked_format(config.format or block.format),
            shard_bytes=size,
            tokens=_tokens(block),
        ),
        url_of(target),
    )


def _version(export: Export) -> dg.MaterializeResult[None]:
    """Write a new version of a table; return what the page of the asset shows."""
    made = TableExport(export.layout, export.folder, export.format, export.shard_bytes).run(overwrite=True)
    metadata: Metadata = {"dagster/row_count": made.samples, "dagster/uri": str(made.folder), "version": made.version}
    return dg.MaterializeResult(metadata=metadata)


def _tokens(block: ExportBlock) -> TokenSettings | None:
    if block.tokenizer is None:
        return None
    place = settings.project_root() / block.tokenizer
    return TokenSettings(place, block.end_of_document, block.sequence_length)


def checked_format(name: str) -> ExportFormat:
    """Return the format with a name.

    Raises
    ------
    UserError
        If there is no such format.
    """
    known = next((format for format in FORMATS if format == name), None)
    if known is None:
        raise UserError(f"unknown export format {name!r}; there are {', '.join(FORMATS)}")
    return known
