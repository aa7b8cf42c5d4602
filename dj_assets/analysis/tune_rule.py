"""The rules that propose a threshold: three standard deviations, quantiles, or a share to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dj_assets.errors import UserError

Side = Literal["low", "high"]
SIGMAS = 3.0
FORMS = "3sigma, quantile=LOW,HIGH (such as quantile=0.01,0.99) or keep=RATE (such as keep=0.95)"


@dataclass(frozen=True)
class ThreeSigma:
    """The mean minus or plus three standard deviations of the sample."""

    def __str__(self) -> str:
        return "3sigma"

    def quantile(self, side: Side, *, two_sided: bool) -> float | None:  # noqa: ARG002
        """Return None: the rule asks for no quantile."""
        return None


@dataclass(frozen=True)
class Quantiles:
    """The quantiles `low` and `high`: the values with these shares of all values below them."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"quantile={self.low:g},{self.high:g}"

    def quantile(self, side: Side, *, two_sided: bool) -> float | None:  # noqa: ARG002
        """Return the share of values that is below a bound."""
        return self.low if side == "low" else self.high


@dataclass(frozen=True)
class KeepRate:
    """The share of the samples that every filter alone is to keep; each of two bounds drops half of the rest."""

    share: float

    def __str__(self) -> str:
        return f"keep={self.share:g}"

    def quantile(self, side: Side, *, two_sided: bool) -> float | None:
        """Return the share of values that is below a bound."""
        loss = (1 - self.share) / (2 if two_sided else 1)
        return loss if side == "low" else 1 - loss


Rule = ThreeSigma | Quantiles | KeepRate


def parse_rule(text: str) -> Rule:
    """Parse a rule of the command line.

    Raises
    ------
    UserError
        If it has none of the three forms, or a share is not between 0 and 1.
    """
    name, _, value = text.partition("=")
    if text == "3sigma":
        return ThreeSigma()
    if name == "quantile" and value.count(",") == 1:
        low, high = (_share(part, text) for part in value.split(","))
        if low < high:
            return Quantiles(low, high)
        raise UserError(f"rule {text!r}: the lower quantile must be smaller than the upper one")
    if name == "keep" and value:
        share = _share(value, text)
        if share > 0:
            return KeepRate(share)
    raise UserError(f"unknown rule {text!r}; use {FORMS}")


def _share(text: str, rule: str) -> float:
    try:
        share = float(text)
    except ValueError:
        raise UserError(f"rule {rule!r}: {text!r} is not a number; use {FORMS}") from None
    if math.isnan(share) or not 0 <= share <= 1:
        raise UserError(f"rule {rule!r}: {text} is not a share between 0 and 1")
    return share
