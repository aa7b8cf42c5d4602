"""The command line `dj-assets`, with one module for each kind of command."""

from dj_assets.cli.app import main

__all__ = ["main"]
