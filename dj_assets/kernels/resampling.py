"""Resize pictures as Pillow does, to the last bit: sums of bytes times integer weights, rows first.

A picture is `uint8`, shape `(height, width, 3)`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int, Int32s
from dj_assets.kernels.jit import inlined, kernel
from dj_assets.kernels.unaligned import copy_four

# Weights are multiples of 2 ** -22.
_BITS = 22
_HALF = 1 << (_BITS - 1)
# The number of rows that are transposed at a time, with three bytes per pixel: their sums are computed together.
_ROWS = 32
_LANES = 3 * _ROWS
# The bytes of a transposed column: a pixel is copied with the byte after it, also the last one.
_COLUMN = _LANES + 1


class Taps(NamedTuple):
    """Hold the sources of every pixel of a line: the `used` pixels from `first` on, and their `weights`.

    Shapes `(out,)`, `(out,)` and `(out, most)`; `most` is a multiple of four, and weights beyond `used` are zero.
    """

    first: Int32s
    used: Int32s
    weights: Int32s


@lru_cache(maxsize=512)
def taps(before: int, after: int, *, cubic: bool) -> Taps:
    """Return the weights that resize lines of `before` pixels to `after`, bicubic (a = -0.5) or bilinear."""
    scale = before / after
    stretch = max(scale, 1.0)
    support = (2.0 if cubic else 1.0) * stretch
    centre = (np.arange(after) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int32), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int32), before)
    # four weights are used at a time
    indices = np.arange(-(-int((last - first).max()) // 4) * 4)
    distance = np.abs((indices + first[:, None] - centre[:, None] + 0.5) * (1.0 / stretch))
    weights = _cubic(distance) if cubic else np.maximum(1.0 - distance, 0.0)
    weights[indices >= (last - first)[:, None]] = 0.0
    # summed one by one, as Pillow does
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]
    whole = np.trunc(weights * (1 << _BITS) + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    return Taps(first, last - first, whole)


def _cubic(x: np.ndarray) -> np.ndarray:
    a = -0.5
    near, far = ((a + 2.0) * x - (a + 3.0)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def resized(picture: Bytes, size: tuple[int, int], box: tuple[int, int, int, int], *, cubic: bool) -> Bytes:
    """Return the part in `box` (left, top, right, bottom) of a picture resized to width and height `size`."""
    (height, width, _), (left, top, right, bottom) = picture.shape, box
    across, down = taps(width, size[0], cubic=cubic), taps(height, size[1], cubic=cubic)
    out = np.empty((bottom - top, right - left, 3), np.uint8)
    # the pass that shrinks the picture more comes first, and Pillow gives columns a double weight
    if height > size[1] and height - size[1] > 2 * (width - size[0]):
        begin, end = _needed(across, left, right)
        low = np.empty((bottom - top, end - begin, 3), np.uint8)
        shrink_columns(picture.reshape(height, -1), 3 * begin, down, top, 0, low.reshape(bottom - top, -1))
        shrink_rows(low, across, left, begin, out)
    else:
        begin, end = _needed(down, top, bottom)
        narrow = np.empty((end - begin, right - left, 3), np.uint8)
        shrink_rows(picture[begin:end], across, left, 0, narrow)
        shrink_columns(narrow.reshape(end - begin, -1), 0, down, top, begin, out.reshape(bottom - top, -1))
    return out


def _needed(line: Taps, start: int, stop: int) -> tuple[int, int]:
    """Return the start and end of the sources of a part of a line."""
    return int(line.first[start]), int(line.first[stop - 1] + line.used[stop - 1])


@kernel
def shrink_columns(lines: Bytes, skipped: Int, down: Taps, top: Int, begin: Int, out: Bytes) -> None:
    """Write lines of bytes resized to another height, from `top` on; the first of `lines` is line `begin` of all.

    The first `skipped` bytes of each line are left out. Shapes `(height, bytes)`.
    """
    width, last = out.shape[1], len(lines) - 1
    sums = np.empty(width, np.int32)
    for y in range(len(out)):
        sums[:] = _HALF
        start = down.first[top + y] - begin
        for tap in range(0, down.used[top + y], 4):
            w0, w1, w2, w3 = _four(down.weights, top + y, tap)
            # beyond the last line, weights are zero
            at = start + tap
            r0, r1 = lines[at, skipped:], lines[min(at + 1, last), skipped:]
            r2, r3 = lines[min(at + 2, last), skipped:], lines[min(at + 3, last), skipped:]
            for x in range(width):
                sums[x] += w0 * np.int32(r0[x]) + w1 * np.int32(r1[x]) + w2 * np.int32(r2[x]) + w3 * np.int32(r3[x])
        row = out[y]
        for x in range(width):
            row[x] = min(max(sums[x] >> _BITS, 0), 255)


@kernel
def shrink_rows(picture: Bytes, across: Taps, left: Int, begin: Int, out: Bytes) -> None:
    """Write rows of another width, from `left` on; the first column of `picture` is column `begin` of the whole."""
    height = len(picture)
    last = left + out.shape[1] - 1
    # the columns that are needed; those beyond them have no weight
    first, end = across.first[left] - begin, across.first[last] + across.used[last] - begin
    turned = np.zeros(((end - first + 3), _COLUMN), np.uint8)
    sums = np.empty(_LANES, np.int32)
    shown = np.empty(_LANES, np.uint8)
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        _turn(picture, top, rows, first, end, turned.reshape(-1))
        for x in range(out.shape[1]):
            sums[:] = _HALF
            start = across.first[left + x] - begin - first
            for tap in range(0, across.used[left + x], 4):
                w0, w1, w2, w3 = _four(across.weights, left + x, tap)
                at = start + tap
                p0, p1, p2, p3 = turned[at], turned[at + 1], turned[at + 2], turned[at + 3]
                for i in range(_LANES):
                    sums[i] += w0 * np.int32(p0[i]) + w1 * np.int32(p1[i]) + w2 * np.int32(p2[i]) + w3 * np.int32(p3[i])
            for i in range(_LANES):
                shown[i] = min(max(sums[i] >> _BITS, 0), 255)
            for y in range(rows):
                for channel in range(3):
                    out[top + y, x, channel] = shown[3 * y + channel]


@kernel
def _turn(picture: Bytes, top: Int, rows: Int, first: Int, end: Int, turned: Bytes) -> None:
    """Write the pixels of some rows by column, from column `first` to `end`.

    Four bytes are copied at once: the fourth is overwritten by the pixel of the next row.
    """
    height, width = picture.shape[0], picture.shape[1]
    flat = picture.reshape(-1)
    # after the last pixel of the picture there is no fourth byte
    safe = end - 1 if top + rows == height and end == width else end
    three, column = np.uint64(3), np.uint64(_COLUMN)
    for y in range(rows):
        at, to = np.uint64(3 * ((top + y) * width + first)), np.uint64(3 * y)
        for _ in range(first, safe):
            copy_four(flat, at, turned, to)
            at += three
            to += column
        if safe < end:
            for channel in range(3):
                turned[to + np.uint64(channel)] = picture[top + y, safe, channel]


@inlined
def _four(weights: Int32s, line: Int, tap: Int) -> tuple[np.int32, np.int32, np.int32, np.int32]:
    return weights[line, tap], weights[line, tap + 1], weights[line, tap + 2], weights[line, tap + 3]
