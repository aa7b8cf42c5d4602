from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dj_assets.kernels.arrays import buffers, strings
from dj_assets.kernels.splice import splice


@given(
    st.lists(st.text("ab é", max_size=9), min_size=1, max_size=4), st.randoms(use_true_random=False), st.integers(0, 3)
)
def test_spans_are_replaced(texts: list[str], rng: object, skipped: int) -> None:
    array = pa.array(["x" * skipped, *texts]).slice(1)
    data, offsets = buffers(array)
    starts, ends, patches, expected = [], [], [], []
    for text, start in zip(texts, offsets, strict=False):
        raw, out, at = text.encode(), b"", 0
        while at < len(raw):
            stop = rng.randint(at, len(raw))
            if rng.random() < 0.5 and stop > at:
                starts.append(start + at)
                ends.append(start + stop)
                patches.append(rng.choice(["", "P", "pätch"]))
                out += patches[-1].encode()
            else:
                out += raw[at:stop]
            at = max(stop, at)
            if stop == at and rng.random() < 0.2:
                out += raw[at:]
                break
        expected.append(out)
    found = splice(
        data, offsets, np.array(starts, np.int64), np.array(ends, np.int64), *buffers(pa.array(patches, pa.string()))
    )
    assert strings(*found).cast(pa.binary()).to_pylist() == expected
