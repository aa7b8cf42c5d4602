"""The prices of language models, from the table of the user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dj_assets import variables
from dj_assets.errors import TextModelError

_PER = 1_000_000
# Prices of a million tokens into and out of each model.
Prices = Mapping[str, tuple[float, float]]


def plain_name(model: str) -> str:
    """Return the name of a model without its checksum.

    Examples
    --------
    >>> plain_name("Qwen/Qwen2.5-7B-Instruct@0123456789ab"), plain_name("gpt-4o")
    ('Qwen/Qwen2.5-7B-Instruct', 'gpt-4o')
    """
    return model.rpartition("@")[0] or model


def price_table() -> Prices:
    """Return the prices of `DJ_LLM_PRICES` by the name of the model, none if it is not set.

    Raises
    ------
    TextModelError
        If the file cannot be read as a table of prices.
    """
    path = variables.LLM_PRICES.given()
    if path is None:
        return {}
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        return {str(model): (float(price["in"]), float(price["out"])) for model, price in content.items()}
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        form = 'write {"model": {"in": 0.15, "out": 0.6}}, prices of a million tokens'
        raise TextModelError(f"DJ_LLM_PRICES: {path} cannot be read ({error}); {form}") from None


def cost_of(model: str, tokens_in: float, tokens_out: float, prices: Prices) -> float | None:
    """Return the price of tokens of a model, None if the table lacks it.

    Examples
    --------
    >>> cost_of("gpt-4o", 1_000_000, 500_000, {"gpt-4o": (2.5, 10.0)})
    7.5
    >>> cost_of("mine", 1, 1, {}) is None
    True
    """
    price = prices.get(plain_name(model))
    return None if price is None else (tokens_in * price[0] + tokens_out * price[1]) / _PER
