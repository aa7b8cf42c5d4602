from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import Bytes, buffers
from dj_assets.kernels.lanes import BEHIND, LANES
from dj_assets.kernels.md5 import SCRATCH, md5_64
from dj_assets.kernels.simhash import simhash
from dj_assets.kernels.units import CHARACTERS, SEPARATORS, SPACES

COMMAS = np.zeros(0x110000, np.uint8)
COMMAS[[ord(","), ord("、")]] = 1
TEXTS = st.lists(st.text("ab, 、é一"), max_size=4)


def naive_hash(shingle: str) -> int:
    return int.from_bytes(hashlib.md5(shingle.encode()).digest()[:8], "big")


def naive_simhash(units: list[str], window: int, joint: str) -> int:
    hashes = [naive_hash(joint.join(units[i : i + window])) for i in range(len(units) - window + 1)]
    votes = [sum(1 if h >> bit & 1 else -1 for h in hashes) for bit in range(64)]
    return sum(1 << bit for bit in range(64) if votes[bit] > 0)


def signed(texts: list[str], window: int, split: int) -> list[int]:
    return simhash(*buffers(pa.array(texts, pa.string())), window, split, COMMAS)[0].tolist()


def hashed(data: Bytes, starts: list[int], ends: list[int]) -> list[int]:
    out = np.empty(LANES, np.uint64)
    room = np.concatenate((data, np.full(BEHIND, 0xFF, np.uint8)))
    md5_64(room, np.array(starts), np.array(ends), np.empty(SCRATCH, np.uint32), out)
    return out[: len(starts)].tolist()


@pytest.mark.parametrize("length", [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 1000])
def test_md5_at_the_edges_of_its_blocks(length: int) -> None:
    data, _ = buffers(pa.array(["x" + "q" * length + "y"]))
    assert hashed(data, [1], [1 + length]) == [naive_hash("q" * length)]


@given(st.lists(st.text(max_size=200), min_size=1, max_size=LANES))
def test_md5_of_texts_side_by_side(texts: list[str]) -> None:
    data, offsets = buffers(pa.array(texts))
    assert hashed(data, offsets[:-1].tolist(), offsets[1:].tolist()) == [naive_hash(text) for text in texts]


@given(TEXTS, st.integers(1, 4))
def test_units_between_spaces(texts: list[str], window: int) -> None:
    wanted = [naive_simhash([u for u in text.split(" ") if u], window, " ") for text in texts]
    assert signed(texts, window, SPACES) == wanted


@given(TEXTS, st.integers(1, 4))
def test_units_between_separators(texts: list[str], window: int) -> None:
    wanted = [naive_simhash(regex.split("[,、]", text), window, " ") for text in texts]
    assert signed(texts, window, SEPARATORS) == wanted


@given(TEXTS, st.integers(1, 4))
def test_characters(texts: list[str], window: int) -> None:
    assert signed(texts, window, CHARACTERS) == [naive_simhash(list(text), window, "") for text in texts]


def test_number_of_shingles() -> None:
    texts = pa.array(["", "a b", "a b c d"])
    assert simhash(*buffers(texts), 3, SPACES, COMMAS)[1].tolist() == [0, 0, 2]


def test_more_shingles_than_a_counter_of_a_byte_holds() -> None:
    same, mixed = ["a"] * 600, [str(i * i % 11) for i in range(600)]
    texts = [" ".join(same), " ".join(mixed)]
    assert signed(texts, 1, SPACES) == [naive_hash("a"), naive_simhash(mixed, 1, " ")]
