"""The Markdown tables of a comparison of whole recipes."""

from __future__ import annotations

from typing import Any

COLUMNS = ("ours s", "Data-Juicer s", "ratio", "CPU s", "", "ratio", "all processes MB", "", "kept", "")


def table(found: dict[str, Any]) -> str:
    """Return recipes (time, CPU, memory, kept samples, each with the other's), then operators in MB/s."""
    sizes = [f"{one['megabytes']:.1f}" for one in found["recipes"]]
    return "\n".join([*_recipes(found, "MB", sizes), "", *_operators(found)])


def media_table(found: dict[str, Any]) -> str:
    """Return recipes over media likewise, then the seconds of their operators."""
    lines = _recipes(found, "samples", [f"{one['samples']:,}" for one in found["recipes"]])
    lines += ["", row(("operator", "recipe", "ours s", "Data-Juicer s")), row(("---", "---", "--:", "--:"))]
    for one in found["recipes"]:
        peer = one.get("peer", {}).get("operators_s", {})
        for name, seconds in one["ours"]["operators_s"].items():
            lines.append(row((name, one["recipe"], f"{seconds:.2f}", f"{peer[name]:.2f}" if name in peer else "")))
    return "\n".join(lines)


def _recipes(found: dict[str, Any], unit: str, sizes: list[str]) -> list[str]:
    lines = [row(("recipe", unit, *COLUMNS)), row(("---", *["--:"] * (len(COLUMNS) + 1)))]
    return lines + [row(_recipe(one, size)) for one, size in zip(found["recipes"], sizes, strict=True)]


def _recipe(one: dict[str, Any], size: str) -> tuple[str, ...]:
    ours, peer = one["ours"], one.get("peer")
    own = (one["recipe"], size, f"{ours['wall_s']:.1f}")
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
    lines = [row(("operator", "recipe", "MB", "ours MB/s", "Data-Juicer MB/s")), row(("---", "---", *["--:"] * 3))]
    for one in found["recipes"]:
        peer, size = one.get("peer", {}).get("operators_s", {}), one["megabytes"]
        for name, seconds in one["ours"]["operators_s"].items():
            other = f"{size / peer[name]:.1f}" if peer.get(name) else ""
            lines.append(row((name, one["recipe"], f"{size:.0f}", f"{size / max(seconds, 0.001):.0f}", other)))
    return lines


def row(cells: tuple[str, ...]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
