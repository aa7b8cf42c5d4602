"""Mixtures of refined subsets as assets, downstream of these."""
# No postponed annotations here: Dagster reads those of `context`.

from collections.abc import Mapping

import dagster as dg

from dj_assets.assets.asset_keys import SubsetKeys
from dj_assets.assets.failures import one_clear_line
from dj_assets.assets.labels import Metadata
from dj_assets.recipe.mixture import Mix
from dj_assets.recipe.model import GalleryRecipe
from dj_assets.subset.mixing.mixing import make_mix


def mix_asset(mix: Mix, recipes: Mapping[str, GalleryRecipe]) -> dg.AssetsDefinition:
    """Return the asset `<group>/<name>` of a mix; its subsets that are in the gallery are upstream of it."""
    upstream = [SubsetKeys.of(recipes[name]).refined for name in mix.subsets if name in recipes]

    @dg.asset(
        key=dg.AssetKey([mix.group, mix.name]),
        deps=upstream,
        group_name=mix.group,
        kinds={"parquet"},
        tags={"dj/subset": mix.name},
        description=f"A mix of {', '.join(mix.subsets)} in exact shares. 'dj-assets export {mix.name}' exports it.",
    )
    def mixed(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Mix the published subsets; nothing is done where neither they nor the file have changed."""
        with one_clear_line():
            manifest, is_new = make_mix(mix)
        context.log.info(f"run {manifest.run_id}{'' if is_new else ' (already there)'}")
        rows = [
            dg.TableRecord(
                {
                    "subset": share.subset,
                    "available": share.available,
                    "samples": share.samples,
                    "epochs": share.epochs,
                    "tokens": share.tokens or 0,
                }
            )
            for share in manifest.mix
        ]
        metadata: Metadata = {
            "dagster/row_count": manifest.samples_out,
            "run_id": manifest.run_id,
            "shares": dg.MetadataValue.table(rows),
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest.result_key))

    return mixed
