"""Damaged variants of files: cut short, bits turned, stretches blanked or doubled; the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def variants(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield `count` damaged variants of the content of a file."""
    rng = np.random.default_rng(seed)
    kinds = (_cut, _turned, _blanked, _doubled, _header_turned)
    for number in range(count):
        yield kinds[number % len(kinds)](content, rng)


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def _turned(content: bytes, rng: np.random.Generator) -> bytes:
    return _with_turned_bits(content, rng, len(content))


def _header_turned(content: bytes, rng: np.random.Generator) -> bytes:
    return _with_turned_bits(content, rng, min(600, len(content)))


def _with_turned_bits(content: bytes, rng: np.random.Generator, before: int) -> bytes:
    damaged = np.frombuffer(content, np.uint8).copy()
    locations = rng.integers(0, before, int(rng.integers(1, 40)))
    damaged[locations] ^= np.uint8(1) << rng.integers(0, 8, len(locations)).astype(np.uint8)
    return damaged.tobytes()


def _blanked(content: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(content)))
    length = int(rng.integers(1, len(content) // 4 + 2))
    return content[:start] + bytes(length) + content[start + length :]


def _doubled(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = sorted(int(location) for location in rng.integers(0, len(content), 2))
    return content[:stop] + content[start:]
