"""Compute MinHash (Broder 1997) over SHA-1-hashed shingles, and the keys of its bands (Indyk and Motwani 1998)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from dj_assets.kernels.jit import kernel, unfolded
from dj_assets.kernels.lanes import BEHIND, LANES, UInt32s
from dj_assets.kernels.sha1 import SCRATCH, sha1_32
from dj_assets.kernels.units import Units, room_for_units, split_units

SEED = 42
PRIME_BITS = 61
PRIME = (1 << PRIME_BITS) - 1
# The number of shingles that are hashed before the permutations are applied.
BLOCK = 64 * LANES
NO_SHINGLE = 0xFFFFFFFF
# Reduction modulo 2^61 - 1 adds the upper three bits to the low ones, and one where the prime is subtracted.
SLACK = 8

UInt32sOfGroups = npt.NDArray[np.uint32]


class Permutations(NamedTuple):
    """Hold permutations `((a h + b) mod 2^64) mod (2^61 - 1)` of hashes; the low 32 bits of the result are used."""

    a: UInt64s
    b: UInt64s


class MinhashScratch(NamedTuple):
    """Hold scratch space for the hashes of a block and for the lower bounds of each group of `LANES` hashes.

    `a` and `b` are the low 32 bits of the permutations, with `SLACK` added to `b`, padded with zeros to a multiple of
    `LANES`; `lowest` has one row per group, `bound` one value per permutation.
    """

    hashes: UInt32s
    digest: UInt32s
    a: UInt32s
    b: UInt32s
    lowest: UInt32sOfGroups
    bound: UInt32s


@cache
def permutations(count: int) -> Permutations:
    """Return the first permutations of the seeded sequence; a larger count starts with the same ones."""
    random = np.random.RandomState(SEED)
    a, b = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for i in range(count):
        a[i] = random.randint(1, PRIME, dtype=np.uint64)
        b[i] = random.randint(0, PRIME, dtype=np.uint64)
    return Permutations(a, b)


@kernel
def room_for_hashes(permutations: Permutations) -> MinhashScratch:
    """Return scratch space for a block of hashes under the given permutations."""
    count = len(permutations.a)
    padded = -(-count // LANES) * LANES
    a, b = np.zeros(padded, np.uint32), np.zeros(padded, np.uint32)
    for j in range(count):
        a[j], b[j] = np.uint32(permutations.a[j]), np.uint32(permutations.b[j] + np.uint64(SLACK))
    lowest, bound = np.empty((BLOCK // LANES, padded), np.uint32), np.empty(padded, np.uint32)
    return MinhashScratch(np.empty(BLOCK, np.uint32), np.empty(SCRATCH, np.uint32), a, b, lowest, bound)


@unfolded
def _permuted(value: np.uint32, a: np.uint64, b: np.uint64) -> np.uint32:
    prime, bits, unit = np.uint64(PRIME), np.uint64(PRIME_BITS), np.uint64(1)
    product = a * np.uint64(value) + b
    folded = (product & prime) + (product >> bits)
    # subtracting the prime adds one to the low bits; it is needed exactly where adding one reaches the next power
    return np.uint32(folded + ((folded + unit) >> bits))


@unfolded
def _low_bits(hashes: UInt32s, scratch: MinhashScratch, lowest: UInt32s) -> None:
    """Write the smallest low bits of the products of a group's hashes, `SLACK` added, under each permutation."""
    for j in range(len(lowest)):
        low = np.uint32(NO_SHINGLE)
        for i in range(LANES):
            low = min(low, np.uint32(np.uint32(scratch.a[j] * hashes[i]) + scratch.b[j]))
        lowest[j] = low
        scratch.bound[j] = min(scratch.bound[j], low)


@kernel
def permute(groups: int, permutations: Permutations, scratch: MinhashScratch, least: UInt32s) -> None:
    """Lower `least`, one value per permutation, to the smallest permuted hash of the given groups.

    A permuted hash exceeds the low bits of its product by at most `SLACK`; these bits need no long multiplication. So
    only groups whose lowest bits are that near to the lowest of all groups are permuted. Where low bits may have
    overflowed, all groups are permuted.
    """
    scratch.bound[:] = NO_SHINGLE
    for group in range(groups):
        _low_bits(scratch.hashes[group * LANES : (group + 1) * LANES], scratch, scratch.lowest[group])
    for j in range(len(least)):
        low = scratch.bound[j]
        scratch.bound[j] = low + np.uint32(SLACK) if SLACK <= low <= NO_SHINGLE - SLACK else np.uint32(NO_SHINGLE)
    for group in range(groups):
        for j in range(len(least)):
            if scratch.lowest[group, j] <= scratch.bound[j]:
                hashes = scratch.hashes[group * LANES : (group + 1) * LANES]
                least[j] = _least(hashes, permutations.a[j], permutations.b[j], least[j])


@kernel
def _least(hashes: UInt32s, a: np.uint64, b: np.uint64, least: np.uint32) -> np.uint32:
    for i in range(LANES):
        least = min(least, _permuted(hashes[i], a, b))
    return least


@kernel
def _sign(
    units: Units, count: int, window: int, permutations: Permutations, scratch: MinhashScratch, least: UInt32s
) -> None:
    """Lower `least` by the `count` shingles of a text, block by block."""
    for first in range(0, count, BLOCK):
        size = min(BLOCK, count - first)
        for lane in range(first, first + size, LANES):
            last = min(lane + LANES, first + size)
            starts, ends = units.starts[lane:last], units.ends[lane + window - 1 : last + window - 1]
            sha1_32(units.text, starts, ends, scratch.digest, scratch.hashes[lane - first :])
        groups = -(-size // LANES)
        # a repeated hash does not change the smallest value
        scratch.hashes[size : groups * LANES] = scratch.hashes[size - 1]
        permute(groups, permutations, scratch, least)


@kernel
def minhash(
    data: Bytes, offsets: Int32s, window: int, split: int, separators: Bytes, permutations: Permutations
) -> UInt32s:
    """Compute the signature of every row: the smallest hash of its shingles under each permutation.

    A shingle is `window` adjacent units; its hash is the first 4 bytes of its SHA-1, little endian. `split` and
    `separators` are those of `split_units`.

    Returns
    -------
    Values of shape `(rows, permutations)`; all values of a row without a shingle are `NO_SHINGLE`.
    """
    units = room_for_units(offsets, BEHIND)
    scratch = room_for_hashes(permutations)
    values = np.full((len(offsets) - 1, len(permutations.a)), np.uint32(NO_SHINGLE))
    for row in range(len(offsets) - 1):
        unit_count = split_units(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), split, separators, units)
        _sign(units, unit_count - window + 1, window, permutations, scratch, values[row])
    return values


@kernel
def minhash_of_pieces(data: Bytes, pieces: Int64s, rows: Int64s, window: int, permutations: Permutations) -> UInt32s:
    """Compute signatures of given units: unit `i` is `data[pieces[i]:pieces[i + 1]]`, row `r` begins at unit `rows[r]`.

    The units of a shingle have no separator. The result is that of `minhash`.
    """
    scratch = room_for_hashes(permutations)
    text = np.concatenate((data, np.zeros(BEHIND, np.uint8)))
    values = np.full((len(rows) - 1, len(permutations.a)), np.uint32(NO_SHINGLE))
    for row in range(len(rows) - 1):
        first, last = rows[row], rows[row + 1]
        units = Units(text, pieces[first:last], pieces[first + 1 : last + 1])
        _sign(units, last - first - window + 1, window, permutations, scratch, values[row])
    return values


@kernel
def _mixed(value: np.uint64) -> np.uint64:
    """Return the value mixed over all 64 bits, one to one (the end of SplitMix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def band_keys(values: UInt32s, bands: int, rows: int) -> UInt64s:
    """Return one key per band: a hash of the band's number and its `rows` values, shape `(texts, bands)`.

    Equal values in the same band have equal keys; different values have equal keys with a probability of 2^-64.
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
    """Return the bands and the rows per band that best decide whether a Jaccard similarity exceeds a threshold.

    Both errors have the same weight: texts below the threshold that share a band, and texts above it that share none.
    Each error is the integral of its probability over the similarity. Of several equally good pairs, the one with the
    fewest bands is returned.
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
