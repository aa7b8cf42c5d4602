"""Compute dense optical flow by polynomial expansion (Farnebäck, 2003), with the steps of OpenCV.

A frame is expanded once: the neighbourhood of every pixel becomes a quadratic polynomial. Two expansions and an
estimate of the flow give normal equations at every pixel. These are averaged over a window and solved for a better
estimate. The results equal OpenCV's `calcOpticalFlowFarneback` except for the rounding of 32-bit floats; OpenCV weighs
the borders of frames of less than 10 pixels differently.

Arrays are `float32`: an expansion has the shape `(height, width, 5)`, the normal equations of a row `(5, width)`, a
flow `(2, height, width)`, the displacement to the right and down in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.jit import approximate, inlined

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# The weight of a pixel in the first and last five positions of a row or column: few pixels there show where it comes
# from.
_AT_BORDER = np.array([0.14, 0.14, 0.4472, 0.4472, 0.4472], np.float32)
# Keeps the flow of windows without any structure at zero.
_EPSILON = 1e-3


def weights(radius: int, sigma: float) -> tuple[Floats, Floats]:
    """Return arguments of `expand`: the Gaussian, its products with x and x², and four entries of the inverse metric.

    Shapes `(3, radius + 1)`, from the centre outwards, and `(4,)`.
    """
    x = np.arange(-radius, radius + 1)
    gauss = np.exp(-x * x / (2 * sigma * sigma)).astype(np.float32).astype(float)
    gauss /= gauss.sum()
    ones = np.ones(len(x))
    basis = np.stack([ones, x, x * x])
    # the six terms 1, x, y, x², y², xy
    terms = [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1)]
    functions = np.stack([np.outer(basis[down], basis[across]).ravel() for across, down in terms])
    inverse = np.linalg.inv(functions * np.outer(gauss, gauss).ravel() @ functions.T)
    metric = np.array([inverse[1, 1], inverse[0, 3], inverse[3, 3], inverse[5, 5]], np.float32)
    return np.ascontiguousarray((basis * gauss)[:, radius:], np.float32), metric


def border(length: int) -> Floats:
    """Return the weights of the pixels of a row or column of the given length."""
    counts = np.ones(length, np.float32)
    near = min(length, len(_AT_BORDER))
    counts[:near] *= _AT_BORDER[:near]
    counts[length - near :] *= _AT_BORDER[near - 1 :: -1]
    return counts


@approximate
def expand(image: Floats, gauss: Floats, metric: Floats, out: Floats) -> None:
    """Write the quadratic polynomial around every pixel of an image: y, x, y², x² and xy. Edges are repeated."""
    height, width = image.shape
    radius = gauss.shape[1] - 1
    columns = np.empty((3, width + 2 * radius), np.float32)
    sums = np.empty((6, width), np.float32)
    for y in range(height):
        _down(image, y, gauss, columns)
        _across(columns, gauss, sums)
        row = out[y]
        for x in range(width):
            row[x, 0] = sums[2, x] * metric[0]
            row[x, 1] = sums[1, x] * metric[0]
            row[x, 2] = sums[0, x] * metric[1] + sums[4, x] * metric[2]
            row[x, 3] = sums[0, x] * metric[1] + sums[3, x] * metric[2]
            row[x, 4] = sums[5, x] * metric[3]


@approximate
def _down(image: Floats, y: int, gauss: Floats, columns: Floats) -> None:
    """Sum the columns around a row, weighted by the Gaussian, its products with y and with y²; repeat the edges."""
    height, width = image.shape
    radius = gauss.shape[1] - 1
    plain, first, second = columns[0], columns[1], columns[2]
    row = image[y]
    for x in range(width):
        plain[radius + x] = row[x] * gauss[0, 0]
        first[radius + x] = second[radius + x] = 0
    for k in range(1, radius + 1):
        above, below = image[max(y - k, 0)], image[min(y + k, height - 1)]
        weight, by_y, by_yy = gauss[0, k], gauss[1, k], gauss[2, k]
        for x in range(width):
            both = above[x] + below[x]
            plain[radius + x] += weight * both
            first[radius + x] += by_y * (below[x] - above[x])
            second[radius + x] += by_yy * both
    for column in columns:
        column[:radius] = column[radius]
        column[radius + width :] = column[radius + width - 1]


@approximate
def _across(columns: Floats, gauss: Floats, sums: Floats) -> None:
    """Sum the rows of weighted columns in the same way: 1, x, y, x², y², xy."""
    width = sums.shape[1]
    radius = gauss.shape[1] - 1
    ones, x1, y1, x2, y2, xy = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    for x in range(width):
        ones[x] = columns[0, radius + x] * gauss[0, 0]
        y1[x] = columns[1, radius + x] * gauss[0, 0]
        y2[x] = columns[2, radius + x] * gauss[0, 0]
        x1[x] = x2[x] = xy[x] = 0
    for k in range(1, radius + 1):
        r0, r1, r2 = columns[0][radius + k :], columns[1][radius + k :], columns[2][radius + k :]
        l0, l1, l2 = columns[0][radius - k :], columns[1][radius - k :], columns[2][radius - k :]
        weight, by_x, by_xx = gauss[0, k], gauss[1, k], gauss[2, k]
        for x in range(width):
            both = r0[x] + l0[x]
            ones[x] += both * weight
            x2[x] += both * by_xx
            x1[x] += (r0[x] - l0[x]) * by_x
            y1[x] += (r1[x] + l1[x]) * weight
            xy[x] += (r1[x] - l1[x]) * by_x
            y2[x] += (r2[x] + l2[x]) * weight


@approximate
def improve(before: Floats, after: Floats, counts: tuple[Floats, Floats], window: int, flow: Floats) -> None:
    """Replace an estimate of the flow by a better one, given two expansions.

    The flow solves the normal equations averaged over windows of `window` pixels; edges are repeated. `counts` has the
    weights of the pixels of a row and of a column, as `border` returns them. Only the equations of the rows of one
    window are held, so that they stay in the cache: those of a row are computed before its flow is replaced.
    """
    height, width, _ = before.shape
    reach = window // 2
    held = 2 * reach + 2
    normal = np.empty((held, 5, width), np.float32)
    moved = np.empty((6, width), np.float32)
    columns = np.zeros((5, width + 2 * reach + 1))
    sums = np.empty((5, width))
    scale = 1 / (window * window)
    for y in range(min(reach + 1, height)):
        _equations(before, after, flow, y, counts, moved, normal[y])
    for k in range(-reach, reach + 1):
        columns[:, reach : reach + width] += normal[min(max(k, 0), height - 1)]
    for y in range(height):
        if y:
            entering = y + reach
            if entering < height:
                _equations(before, after, flow, entering, counts, moved, normal[entering % held])
            _slide(columns, normal[min(entering, height - 1) % held], normal[max(y - reach - 1, 0) % held], reach)
        _windows(columns, reach, sums)
        _solve(sums, scale, flow[0, y], flow[1, y])


@approximate
def mean_length(flow: Floats) -> float:
    """Return the mean length of the vectors of a flow."""
    _, height, width = flow.shape
    total = 0.0
    for y in range(height):
        right, down = flow[0, y], flow[1, y]
        row = np.float32(0)
        for x in range(width):
            row += np.sqrt(right[x] * right[x] + down[x] * down[x])
        total += float(row)
    return float(total / (height * width))


@approximate
def _equations(
    before: Floats, after: Floats, flow: Floats, y: int, counts: tuple[Floats, Floats], moved: Floats, out: Floats
) -> None:
    """Write the normal equations at every pixel of a row; `moved` is memory for six rows."""
    width = before.shape[1]
    m0, m1, m2, m3, m4, inside = moved[0], moved[1], moved[2], moved[3], moved[4], moved[5]
    half, unit = np.float32(0.5), np.float32(1)
    _moved(after, flow, y, moved)
    across, here, count = counts[0], before[y], counts[1][y]
    go_right, go_down = flow[0, y], flow[1, y]
    n0, n1, n2, n3, n4 = out[0], out[1], out[2], out[3], out[4]
    for x in range(width):
        dx, dy = go_right[x], go_down[x]
        # if the pixel comes from outside, only the first frame is used
        share = unit - half * inside[x]
        yy, xx = (here[x, 2] + m2[x]) * share, (here[x, 3] + m3[x]) * share
        xy = (here[x, 4] + m4[x]) * share * half
        by_y = (here[x, 0] - m0[x]) * half + yy * dy + xy * dx
        by_x = (here[x, 1] - m1[x]) * half + xy * dy + xx * dx
        weight = across[x] * count
        yy, xx, xy, by_y, by_x = yy * weight, xx * weight, xy * weight, by_y * weight, by_x * weight
        n0[x] = yy * yy + xy * xy
        n1[x] = (yy + xx) * xy
        n2[x] = xx * xx + xy * xy
        n3[x] = yy * by_y + xy * by_x
        n4[x] = xy * by_y + xx * by_x


@inlined
def _moved(expansion: Floats, flow: Floats, y: int, moved: Floats) -> None:
    """Interpolate an expansion linearly at the positions to which a flow moves the pixels of a row; 0 outside.

    The last row of `moved` is 1 for positions inside of the frame.
    """
    height, width, _ = expansion.shape
    right, bottom, zero, unit = np.float32(width - 1), np.float32(height - 1), np.float32(0), np.float32(1)
    flat = expansion.reshape(-1)
    go_right, go_down = flow[0, y], flow[1, y]
    m0, m1, m2, m3, m4, inside = moved[0], moved[1], moved[2], moved[3], moved[4], moved[5]
    # unsigned indices, which need no check for negative values
    u1, u2, u3, u4, u5 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(5)
    u6, u7, u8, u9, a_row = np.uint64(6), np.uint64(7), np.uint64(8), np.uint64(9), np.uint64(5 * width)
    for x in range(width):
        fx, fy = np.float32(x) + go_right[x], np.float32(y) + go_down[x]
        if fx >= zero and fy >= zero and fx < right and fy < bottom:
            left, top = np.int32(fx), np.int32(fy)
            fx, fy = fx - np.float32(left), fy - np.float32(top)
            a11 = fx * fy
            a10, a01, a00 = fy - a11, fx - a11, unit - fx - fy + a11
            i = np.uint64(top) * a_row + np.uint64(left) * u5
            j = i + a_row
            m0[x] = a00 * flat[i] + a01 * flat[i + u5] + a10 * flat[j] + a11 * flat[j + u5]
            m1[x] = a00 * flat[i + u1] + a01 * flat[i + u6] + a10 * flat[j + u1] + a11 * flat[j + u6]
            m2[x] = a00 * flat[i + u2] + a01 * flat[i + u7] + a10 * flat[j + u2] + a11 * flat[j + u7]
            m3[x] = a00 * flat[i + u3] + a01 * flat[i + u8] + a10 * flat[j + u3] + a11 * flat[j + u8]
            m4[x] = a00 * flat[i + u4] + a01 * flat[i + u9] + a10 * flat[j + u4] + a11 * flat[j + u9]
            inside[x] = unit
        else:
            m0[x] = m1[x] = m2[x] = m3[x] = m4[x] = inside[x] = zero


@approximate
def _slide(columns: Doubles, entering: Floats, leaving: Floats, reach: int) -> None:
    """Move the sums of columns down by a row."""
    for c in range(5):
        sums, new, old = columns[c], entering[c], leaving[c]
        for x in range(len(new)):
            sums[reach + x] += new[x] - old[x]


@approximate
def _windows(columns: Doubles, reach: int, sums: Doubles) -> None:
    """Sum columns over windows, the edges repeated."""
    width = sums.shape[1]
    for column in columns:
        column[:reach] = column[reach]
        column[reach + width : 2 * reach + width] = column[reach + width - 1]
    c0, c1, c2, c3, c4 = columns[0], columns[1], columns[2], columns[3], columns[4]
    s0, s1, s2, s3, s4 = c0[0] * 0, c1[0] * 0, c2[0] * 0, c3[0] * 0, c4[0] * 0
    for k in range(2 * reach):
        s0, s1, s2, s3, s4 = s0 + c0[k], s1 + c1[k], s2 + c2[k], s3 + c3[k], s4 + c4[k]
    # the five sums are computed together: each depends only on its own previous value
    for x in range(width):
        new = x + 2 * reach
        s0, s1, s2, s3, s4 = s0 + c0[new], s1 + c1[new], s2 + c2[new], s3 + c3[new], s4 + c4[new]
        sums[0, x], sums[1, x], sums[2, x], sums[3, x], sums[4, x] = s0, s1, s2, s3, s4
        s0, s1, s2, s3, s4 = s0 - c0[x], s1 - c1[x], s2 - c2[x], s3 - c3[x], s4 - c4[x]


@approximate
def _solve(sums: Doubles, scale: float, right: Floats, down: Floats) -> None:
    """Write the flow of a row that solves the sums of normal equations, which `scale` makes means."""
    for x in range(len(right)):
        g11, g12, g22 = sums[0, x] * scale, sums[1, x] * scale, sums[2, x] * scale
        h1, h2 = sums[3, x] * scale, sums[4, x] * scale
        inverse = 1 / (g11 * g22 - g12 * g12 + _EPSILON)
        right[x] = (g11 * h2 - g12 * h1) * inverse
        down[x] = (g22 * h1 - g12 * h2) * inverse
