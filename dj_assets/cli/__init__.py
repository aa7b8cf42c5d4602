"""The command line `dj-assets`, with one module for each kind of command."""

from __future__ import annotations

import sys

from dj_assets.errors import UserError

__all__ = ["main"]


def main() -> None:
    """Run the command line; end with one line if it is interrupted while its modules load."""
    try:
        from dj_assets import settings, system

        exit_ = system.QuickExit()
        settings.one_blas_thread()
        system.share_freed_memory()
        system.require_posix()
        from dj_assets.cli.early import early_workers

        try:
            with early_workers(sys.argv[1:]):
                from dj_assets.cli.app import main as run

                run()
        except SystemExit as ended:
            exit_.ended(ended.code)
            raise
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
