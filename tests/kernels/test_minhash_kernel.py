from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from datasketch.lsh import _optimal_param
from hypothesis import given, settings
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers
from dj_assets.kernels.lanes import BEHIND, LANES
from dj_assets.kernels.minhash import (
    BLOCK,
    NO_SHINGLE,
    PRIME,
    Permutations,
    band_keys,
    best_bands,
    minhash,
    minhash_of_pieces,
    permutations,
    permute,
    room_for_hashes,
)
from dj_assets.kernels.sha1 import SCRATCH, sha1_32
from dj_assets.kernels.units import CHARACTERS, SPACES

NONE = np.zeros(0x110000, np.uint8)


def reference(shingles: list[str], count: int) -> list[int]:
    sketch = MinHash(num_perm=count, seed=42, scheme="legacy")
    for shingle in shingles:
        sketch.update(shingle.encode())
    return sketch.hashvalues.tolist()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=LANES))
def test_sha1_of_messages_of_any_length_side_by_side(messages: list[bytes]) -> None:
    bounds = np.cumsum([0, *map(len, messages)])
    out = np.zeros(LANES, np.uint32)
    data = np.frombuffer(b"".join(messages) + bytes(BEHIND), np.uint8)
    sha1_32(data, bounds[:-1], bounds[1:], np.empty(SCRATCH, np.uint32), out)
    wanted = [int.from_bytes(hashlib.sha1(message).digest()[:4], "little") for message in messages]
    assert out[: len(messages)].tolist() == wanted


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 119, 120, 100_000])
def test_sha1_at_the_borders_of_its_blocks(length: int) -> None:
    message = bytes(i % 251 for i in range(length))
    out = np.zeros(1, np.uint32)
    ends = np.array([length])
    sha1_32(np.frombuffer(message + bytes(BEHIND), np.uint8), ends - length, ends, np.empty(SCRATCH, np.uint32), out)
    assert out[0] == int.from_bytes(hashlib.sha1(message).digest()[:4], "little")


@settings(max_examples=40)
@given(texts=st.lists(st.text("ab é一\n", max_size=80), max_size=4), window=st.integers(1, 4))
def test_as_datasketch(texts: list[str], window: int) -> None:
    batch = buffers(pa.array(texts, pa.string()))
    by_word = minhash(*batch, window, SPACES, NONE, permutations(16)).tolist()
    by_character = minhash(*batch, window, CHARACTERS, NONE, permutations(16)).tolist()
    for text, words, characters in zip(texts, by_word, by_character, strict=True):
        units = [unit for unit in text.split(" ") if unit]
        assert words == reference([" ".join(units[i : i + window]) for i in range(len(units) - window + 1)], 16)
        assert characters == reference([text[i : i + window] for i in range(len(text) - window + 1)], 16)


def test_more_shingles_than_a_block() -> None:
    units = [str(i) for i in range(2 * BLOCK + 7)]
    found = minhash(*buffers(pa.array([" ".join(units)])), 2, SPACES, NONE, permutations(8))
    assert found[0].tolist() == reference([" ".join(units[i : i + 2]) for i in range(len(units) - 1)], 8)


def test_pieces_are_joined_without_anything_between() -> None:
    data, pieces = buffers(pa.array(["▁the", "▁c", "at", "s"]))
    rows = np.array([0, 3, 3, 4])
    found = minhash_of_pieces(data, pieces.astype(np.int64), rows, 2, permutations(8))
    assert found[0].tolist() == reference(["▁the▁c", "▁cat"], 8)
    assert found[1:].tolist() == [[NO_SHINGLE] * 8] * 2


@pytest.mark.parametrize("middle", [0, 12345, 2**31, 2**32 - 12])
def test_the_smallest_permuted_hash_wherever_low_bits_lie(middle: int) -> None:
    """Hashes are chosen by the low bits of their products: next to each other, and around zero, where they wrap."""
    a, b = next((int(a), int(b)) for a, b in zip(*permutations(9), strict=True) if a % 2)
    one = Permutations(np.array([a], np.uint64), np.array([b], np.uint64))
    scratch, random = room_for_hashes(one), np.random.default_rng(1)
    for lows in random.integers(middle - 12, middle + 12, (1000, 3)).tolist():
        hashes = [(low - b) * pow(a, -1, 2**32) % 2**32 for low in lows]
        scratch.hashes[: 3 * LANES] = np.repeat(np.array(hashes, np.uint32), LANES)
        least = np.full(1, NO_SHINGLE, np.uint32)
        permute(3, one, scratch, least)
        assert least[0] == min((a * h + b) % 2**64 % PRIME % 2**32 for h in hashes)


def test_more_permutations_start_with_the_same() -> None:
    assert permutations(5).a.tolist() == permutations(9).a[:5].tolist()


def test_a_key_is_that_of_its_band() -> None:
    values = np.array([[1, 2, 1, 2, 9], [1, 2, 1, 3, 0], [2, 1, 1, 2, 9]], np.uint32)
    keys = band_keys(values, 2, 2)
    assert keys.shape == (3, 2)
    assert keys[0, 0] == keys[1, 0]
    assert keys[0, 1] == keys[2, 1]
    assert len(np.unique(keys)) == 4


@pytest.mark.parametrize(("count", "threshold"), [(256, 0.7), (128, 0.5), (256, 0.9), (64, 0.3), (10, 0.5), (32, 0.1)])
def test_the_best_bands_are_those_of_datasketch(count: int, threshold: float) -> None:
    assert best_bands(count, threshold) == _optimal_param(threshold, count, 0.5, 0.5)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_bands_at_the_ends_of_the_scale(threshold: float) -> None:
    bands, rows = best_bands(16, threshold)
    assert 1 <= bands * rows <= 16
