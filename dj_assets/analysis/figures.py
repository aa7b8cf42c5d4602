"""Numbers as texts: percentages that never round a loss away, and short axis labels."""

from __future__ import annotations

import math

_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def percent(part: float, whole: float, decimals: int = 1) -> str:
    """Return "98.6 %".

    Decimals are added, up to four, while rounding would give 0 % for some or 100 % for less than all. With four
    decimals that still do, the text is "> 99.9999 %" or "< 0.0001 %". An empty whole gives an en dash.
    """
    if not whole:
        return "–"
    if part in {0, whole}:
        return "100 %" if part else "0 %"
    share = 100 * part / whole
    for digits in range(decimals, 5):
        text = f"{share:.{digits}f}"
        if float(text) not in {0.0, 100.0}:
            return f"{text} %"
    return "> 99.9999 %" if share > 50 else "< 0.0001 %"


def rate(share: float) -> str:
    """Return a share between 0 and 1 as "94.42 %", with the precision of published rates."""
    return f"{100 * share:.2f} %"


def compact(value: float) -> str:
    """Return a number in at most four significant digits: "0.231", "1,500", "12.5k"; NaN and infinity by name."""
    size = abs(value)
    if not math.isfinite(value) or size >= 1e15 or 0 < size < 1e-4:
        return f"{value:.3g}"
    for unit, suffix in _SUFFIXES:
        if size >= unit and size >= 10_000:
            return f"{float(f'{value / unit:.4g}'):g}{suffix}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"
