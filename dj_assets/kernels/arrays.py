"""Convert between Arrow string arrays and the plain arrays that kernels work on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# An integer in a kernel: numba counts in `np.int64`, Python counts in `int`.
Int = int | np.int64
Bytes = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Doubles = npt.NDArray[np.float64]

_NO_OFFSETS = np.zeros(1, np.int32).tobytes()


def buffers(text: pa.StringArray) -> tuple[Bytes, Int32s]:
    """Return the UTF-8 bytes of a string array and the offsets of its rows, without a copy.

    Row `i` is `data[offsets[i]:offsets[i + 1]]`. A sliced array keeps the bytes of the whole array, so the first offset
    need not be 0. Both arrays are read-only. Shapes `(bytes,)` and `(rows + 1,)`.
    """
    _, offsets, data = text.buffers()
    if len(text) == 0:
        return np.frombuffer(b"", np.uint8), np.frombuffer(_NO_OFFSETS, np.int32)
    rows = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    content = np.frombuffer(data if data is not None else b"", np.uint8)
    # the buffers of some casts can be written: kernels would be compiled once more for them
    rows.flags.writeable = content.flags.writeable = False
    return content, rows


def strings(data: Bytes, offsets: Int64s) -> pa.StringArray:
    """Return the string array over UTF-8 bytes, without copying them.

    Raises
    ------
    OverflowError
        If the texts together exceed 2 GiB, the limit of an Arrow string array.
    """
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{offsets[-1]} bytes of text are beyond the 2 GiB of one batch")
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data))


def zeros_in_lines(count: int) -> UInt64s:
    """Return `count` zeros that begin where a line of 64 bytes of the processor's cache begins."""
    room = np.zeros(count + 8, np.uint64)
    first = -room.ctypes.data % 64 // 8
    return room[first : first + count]
