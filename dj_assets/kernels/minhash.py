"""MinHash (Broder 1997) over SHA-1-hashed shingles, and the keys of its bands (Indyk and Motwani 1998)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel
from dj_assets.kernels.sha1 import LANES, SCRATCH, UInt32s, sha1_32
from dj_assets.kernels.units import Units, room_for_units, split_units

SEED = 42
PRIME_BITS = 61
PRIME = (1 << PRIME_BITS) - 1
# So many shingles are hashed before the permutations see them.
BLOCK = 64 * LANES
NO_SHINGLE = 0xFFFFFFFF


class Permutations(NamedTuple):
    """The permutations `((a h + b) mod 2^64) mod (2^61 - 1)` of hashes, of which the low 32 bits count."""

    a: UInt64s
    b: UInt64s


class _Scratch(NamedTuple):
    hashes: UInt32s
    digest: UInt32s


@cache
def permutations(count: int) -> Permutations:
    """Return the first permutations of the seeded sequence; more of them start with the same ones."""
    random = np.random.RandomState(SEED)
    a, b = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for i in range(count):
        a[i] = random.randint(1, PRIME, dtype=np.uint64)
        b[i] = random.randint(0, PRIME, dtype=np.uint64)
    return Permutations(a, b)


@kernel
def _permute(hashes: UInt32s, permutations: Permutations, least: UInt32s) -> None:
    """Lower `least`, one value a permutation, to the smallest permuted hash."""
    prime, bits, one = np.uint64(PRIME), np.uint64(PRIME_BITS), np.uint64(1)
    for i in range(len(hashes)):
        value = np.uint64(hashes[i])
        for j in range(len(least)):
            product = permutations.a[j] * value + permutations.b[j]
            folded = (product & prime) + (product >> bits)
            # taking the prime off adds one to the low bits, and happens just where one more reaches the next power
            least[j] = min(least[j], np.uint32(folded + ((folded + one) >> bits)))


@kernel
def _sign(units: Units, count: int, window: int, permutations: Permutations, scratch: _Scratch, least: UInt32s) -> None:
    """Lower `least` by the `count` shingles of a text, block by block."""
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        for lane in range(first, first + size, LANES):
            last = min(lane + LANES, first + size)
            starts, ends = units.starts[lane:last], units.ends[lane + window - 1 : last + window - 1]
            sha1_32(units.text, starts, ends, scratch.digest, scratch.hashes[lane - first :])
        _permute(scratch.hashes[:size], permutations, least)


@kernel
def minhash(
    data: Bytes, offsets: Int32s, window: int, split: int, separators: Bytes, permutations: Permutations
) -> UInt32s:
    """Sign every row by the smallest value of its shingles' hashes under each permutation.

    A shingle is `window` adjacent units, its hash the first 4 bytes of its SHA-1, little endian. `split` and
    `separators` are those of `split_units`.

    Returns
    -------
    Values of shape `(rows, permutations)`; `NO_SHINGLE` throughout for a row without a shingle.
    """
    units = room_for_units(offsets)
    scratch = _Scratch(np.empty(BLOCK, np.uint32), np.empty(SCRATCH, np.uint32))
    values = np.full((len(offsets) - 1, len(permutations.a)), np.uint32(NO_SHINGLE))
    for row in range(len(offsets) - 1):
        found = split_units(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), split, separators, units)
        _sign(units, found - window + 1, window, permutations, scratch, values[row])
    return values


@kernel
def minhash_of_pieces(data: Bytes, pieces: Int64s, rows: Int64s, window: int, permutations: Permutations) -> UInt32s:
    """Sign rows whose units are given: unit `i` is `data[pieces[i]:pieces[i + 1]]`, row `r` has `rows[r]` to the next.

    Nothing stands between the units of a shingle. Returns what `minhash` does.
    """
    scratch = _Scratch(np.empty(BLOCK, np.uint32), np.empty(SCRATCH, np.uint32))
    values = np.full((len(rows) - 1, len(permutations.a)), np.uint32(NO_SHINGLE))
    for row in range(len(rows) - 1):
        first, last = rows[row], rows[row + 1]
        units = Units(data, pieces[first:last], pieces[first + 1 : last + 1])
        _sign(units, last - first - window + 1, window, permutations, scratch, values[row])
    return values


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    """Return the value scattered over all 64 bits, one to one (the end of SplitMix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def band_keys(values: UInt32s, bands: int, rows: int) -> UInt64s:
    """Return one key a band: a hash of the band's number and its `rows` values, shape `(texts, bands)`.

    Equal values in the same band have equal keys; others have so with a chance of 2^-64.
    """
    keys = np.empty((len(values), bands), np.uint64)
    for text in range(len(values)):
        for band in range(bands):
            key = _mixed(np.uint64(band + 1))
            for i in range(band * rows, (band + 1) * rows):
                key = _mixed(key ^ (np.uint64(values[text, i]) + np.uint64(1)))
            keys[text, band] = key
    return keys


def best_bands(permutations: int, threshold: float) -> tuple[int, int]:
    """Return bands and rows a band that tell best whether a Jaccard similarity is above a threshold.

    Both errors weigh the same: texts below it that meet in a band, and texts above it that do not; each is the
    integral of its probability over the similarity. The first of several equally good pairs has the fewest bands.
    """
    step = 0.001
    below = np.arange(step / 2, threshold, step)
    above = np.arange(threshold + step / 2, 1, step)
    errors = {
        (bands, rows): np.sum(1 - (1 - below**rows) ** bands) + np.sum((1 - above**rows) ** bands)
        for bands in range(1, permutations + 1)
        for rows in range(1, permutations // bands + 1)
    }
    return min(errors, key=lambda pair: errors[pair])
