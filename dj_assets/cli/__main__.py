"""`python -m dj_assets.cli`: the same as `dj-assets`."""

from dj_assets.cli import main

main()
