"""A picture of recall: the share of pairs that each program found, against what theory expects."""

from __future__ import annotations

from typing import Any

from benchmarks.minhash_recall import expected

WIDTH, HEIGHT, MARGIN = 560, 340, 48
LOWEST = 0.5
COLOURS = ("#2563eb", "#16a34a", "#9333ea", "#dc2626", "#b45309", "#0891b2")
PANELS = (("similarity", "the same pairs for all: similarity by white space"), ("own_similarity", "by its own words"))


def plot(found: dict[str, Any]) -> str:
    """Return an SVG: on the left over the planted similarity, on the right over that of each program's own words."""
    programs = {name: one for name, one in found["programs"].items() if one["recall"][0]["own_similarity"]}
    parts = [_panel(programs, found, key, title, number * WIDTH + MARGIN) for number, (key, title) in enumerate(PANELS)]
    size = f'viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    ground = f'<rect width="{2 * WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(parts)}</svg>\n'


def _panel(programs: dict[str, Any], found: dict[str, Any], key: str, title: str, left: float) -> str:
    bottom = HEIGHT - MARGIN
    curve = [(x / 100, expected(x / 100, found["bands"], found["rows"])) for x in range(int(100 * LOWEST), 101)]
    places = " ".join("{:.1f},{:.1f}".format(*_place(x, y, left)) for x, y in curve)
    parts = [
        f'<path d="M{left} {MARGIN}V{bottom}H{left + WIDTH - 2 * MARGIN}" fill="none" stroke="#64748b"/>',
        f'<text x="{left}" y="{MARGIN - 16}">recall, {title}</text>',
        f'<polyline points="{places}" fill="none" stroke="#94a3b8" stroke-width="2"/>',
        *(_tick(value / 10, left, across=True) for value in range(5, 11)),
        *(_tick(value / 4, left, across=False) for value in range(5)),
    ]
    for number, (name, one) in enumerate(programs.items()):
        parts += [_mark(point[key], point["found"], left, COLOURS[number]) for point in one["recall"]]
        parts.append(_mark(LOWEST + 0.02, 0.97 - 0.07 * number, left, COLOURS[number]))
        x, y = _place(LOWEST + 0.035, 0.97 - 0.07 * number, left)
        parts.append(f'<text x="{x:.1f}" y="{y + 4:.1f}">{name}</text>')
    return "".join(parts)


def _place(similarity: float, recall: float, left: float) -> tuple[float, float]:
    across = (similarity - LOWEST) / (1 - LOWEST) * (WIDTH - 2 * MARGIN)
    return left + across, HEIGHT - MARGIN - recall * (HEIGHT - 2 * MARGIN)


def _mark(similarity: float, recall: float, left: float, colour: str) -> str:
    x, y = _place(similarity, recall, left)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.75"/>'


def _tick(value: float, left: float, *, across: bool) -> str:
    x, y = _place(value, 0, left) if across else _place(LOWEST, value, left)
    shift, anchor = ((0, 16), "middle") if across else ((-6, 4), "end")
    return f'<text x="{x + shift[0]:.1f}" y="{y + shift[1]:.1f}" text-anchor="{anchor}">{value:g}</text>'
