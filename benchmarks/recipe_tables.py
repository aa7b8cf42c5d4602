"""The Markdown tables of a comparison of whole recipes."""

from __future__ import annotations

from typing import Any

COLUMNS = ("recipe", "MB", "ours s", "Data-Juicer s", "ratio", "CPU s", "", "ratio", "all processes MB", "", "kept", "")


def table(found: dict[str, Any]) -> str:
    """Return recipes (time, CPU, memory, kept samples, each with the other's), then operators in MB/s."""
    lines = [_row(COLUMNS), _row(("---", *["--:"] * (len(COLUMNS) - 1)))]
    lines += [_row(_recipe(one)) for one in found["recipes"]]
    return "\n".join([*lines, "", *_operators(found)])


def _recipe(one: dict[str, Any]) -> tuple[str, ...]:
    ours, peer = one["ours"], one.get("peer")
    own = (one["recipe"], f"{one['megabytes']:.1f}", f"{ours['wall_s']:.1f}")
    if peer is None:
        return (*own, "not measured", "", f"{ours['cpu_s']:.1f}", "", "", f"{ours['all_mb']:.0f}", "", _kept(one), "")
    ratios = [f"{peer[key] / ours[key]:.1f}" for key in ("wall_s", "cpu_s")]
    return (
        *own,
        f"{peer['wall_s']:.1f}",
        ratios[0],
        f"{ours['cpu_s']:.1f}",
        f"{peer['cpu_s']:.1f}",
        ratios[1],
        f"{ours['all_mb']:.0f}",
        f"{peer['all_mb']:.0f}",
        _kept(one),
        f"{one['kept']['both']} by both, {one['kept']['only_ours']} and {one['kept']['only_peer']} by one",
    )


def _kept(one: dict[str, Any]) -> str:
    return f"{one['ours']['samples_out']} of {one['samples']}"


def _operators(found: dict[str, Any]) -> list[str]:
    lines = [_row(("operator", "recipe", "MB", "ours MB/s", "Data-Juicer MB/s")), _row(("---", "---", *["--:"] * 3))]
    for one in found["recipes"]:
        peer, size = one.get("peer", {}).get("operators_s", {}), one["megabytes"]
        for name, seconds in one["ours"]["operators_s"].items():
            other = f"{size / peer[name]:.1f}" if peer.get(name) else ""
            lines.append(_row((name, one["recipe"], f"{size:.0f}", f"{size / max(seconds, 0.001):.0f}", other)))
    return lines


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
