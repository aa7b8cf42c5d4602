"""Remove words from texts, and join the remaining words again, for several mappers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dj_assets.operators.batch import Batch
from dj_assets.operators.views.text_views import words

Wanted = Callable[[pa.StringArray], npt.NDArray[np.bool_]]


def keep_words(batch: Batch, wanted: Wanted) -> Batch:
    """Return the batch with the wanted words of every text; `wanted` is called once with all distinct words.

    Words are joined by one space, or by one tab or line feed if there was one between them.
    """
    from dj_assets.kernels.arrays import buffers, strings
    from dj_assets.kernels.words import join_words

    split = words(batch, "", tokenization=False)
    return batch.with_text(strings(*join_words(*buffers(batch.text), wanted(split.vocabulary)[split.codes])))
