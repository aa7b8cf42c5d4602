"""Digest many slices of bytes at once, each in a lane of its own: the loop that MD5 and SHA-1 share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dj_assets.kernels.arrays import Bytes, Int, Int64s
from dj_assets.kernels.jit import unfolded

UInt32s = npt.NDArray[np.uint32]

# The number of messages that are digested at once: one loop over them has all steps, so it compiles to vector
# instructions.
LANES = 16
# Blocks are read whole, and the last block can begin 8 bytes after the end of the message.
BEHIND = 72


@unfolded
def digest_slices(
    data: Bytes,
    starts: Int64s,
    ends: Int64s,
    scratch: UInt32s,
    begin: UInt32s,
    load: Callable[[Bytes, Int, Int, Int, UInt32s, Int], None],
    digest: Callable[[UInt32s, UInt32s], None],
    finish: Callable[[npt.NDArray[np.unsignedinteger], UInt32s, Int], None],
    out: npt.NDArray[np.unsignedinteger],
) -> None:
    """Digest `data[starts[i]:ends[i]]` for up to `LANES` slices.

    Parameters
    ----------
    scratch
        Scratch space: the state of all lanes, `LANES` words for each word of `begin`, then sixteen words for each lane.
    begin
        The state before the first block.
    load
        Writes a block of a padded slice to the words of its lane: data, start, end, number of the block, words, lane.
    digest
        Computes the steps of a block in all lanes: state, words.
    finish
        Writes the digest of a lane to `out` from the state after its last block: out, state, lane.
    """
    size = len(begin) * LANES
    state, words = scratch[:size], scratch[size:]
    count = len(starts)
    blocks = 0
    for lane in range(count):
        blocks = max(blocks, (ends[lane] - starts[lane] + 8) // 64 + 1)
    for i in range(len(begin)):
        state[i * LANES : (i + 1) * LANES] = begin[i]
    for block in range(blocks):
        for lane in range(count):
            if block <= (ends[lane] - starts[lane] + 8) // 64:
                load(data, starts[lane], ends[lane], block, words, lane)
        digest(state, words)
        for lane in range(count):
            if block == (ends[lane] - starts[lane] + 8) // 64:
                finish(out, state, lane)
