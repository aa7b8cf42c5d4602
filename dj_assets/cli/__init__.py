"""The command line `dj-assets`, with one module for each kind of command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; end with one line if it is interrupted while its modules load."""
    try:
        from dj_assets import settings

        settings.one_blas_thread()
        from dj_assets.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
