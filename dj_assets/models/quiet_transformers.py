"""Keep the output of transformers out of that of commands."""

from __future__ import annotations

from typing import Any


def without_messages() -> None:
    """Let transformers neither show progress nor repeat advice: the output of a command is read by programs."""
    from transformers.utils import logging as of_transformers

    # the package has no types here
    logging: Any = of_transformers
    logging.disable_progress_bar()
    logging.set_verbosity_error()
