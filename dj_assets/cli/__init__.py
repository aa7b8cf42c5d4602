"""The command line `dj-assets`, with one module for each kind of command."""

from __future__ import annotations

import sys

from dj_assets.errors import UserError

__all__ = ["main"]


def main() -> None:
    """Run the command line; end with one line if it is interrupted while its modules load."""
    try:
        from dj_assets import settings, system

        settings.one_blas_thread()
        system.share_freed_memory()
        system.require_posix()
        from dj_assets.cli.app import main as run

        run()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
