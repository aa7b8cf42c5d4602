"""Write a linear classifier of two labels as a fastText model: `fasttext_file` has the layout.

The vectors have one number, and the loss is softmax: the probability of the first label is the logistic function of the
mean of a text's rows. The library of the package only predicts, so it cannot write models.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dj_assets.models.fasttext_features import TextFeatures
from dj_assets.models.fasttext_file import LABEL_PREFIX, MAGIC, SUPERVISED, VERSION

_SOFTMAX, _WORD, _LABEL = 3, 0, 1
# A vector has one number; pairs of neighbouring words are features.
_DIMENSION, _NEIGHBOURS = 1, 2
_NOT_PRUNED = -1
# Fields of the header that only training reads, with the defaults of fastText.
_WINDOW, _EPOCHS, _LEAST_COUNT, _NEGATIVES, _UPDATE_RATE, _SAMPLING = 5, 5, 1, 5, 100, 1e-4


def write_linear_classifier(
    path: Path, features: TextFeatures, weights: npt.NDArray[np.floating], labels: Sequence[str]
) -> None:
    """Write a classifier.

    Parameters
    ----------
    path
        The file to write, which ends in `.bin`.
    features
        The features whose rows the weights are for.
    weights
        The summand of every row to the logit of the first label, shape `(features.height,)`.
    labels
        Both labels, without the prefix of fastText.
    """
    counted = [*((word, _WORD) for word in features.words), *((LABEL_PREFIX + label, _LABEL) for label in labels)]
    ngrams = (features.buckets, features.shortest_ngram, features.longest_ngram)
    training = (_WINDOW, _EPOCHS, _LEAST_COUNT, _NEGATIVES)
    shape = (_DIMENSION, *training, _NEIGHBOURS, _SOFTMAX, SUPERVISED, *ngrams, _UPDATE_RATE)
    head = struct.pack("<2i12id", MAGIC, VERSION, *shape, _SAMPLING)
    head += struct.pack("<3iqq", len(counted), len(features.words), len(labels), len(counted), _NOT_PRUNED)
    entries = b"".join(name.encode() + b"\0" + struct.pack("<qb", 1, kind) for name, kind in counted)
    # the logits of both labels are half the sum and its opposite, so their difference is the sum
    path.write_bytes(head + entries + _matrix(weights) + _matrix(np.array([0.5, -0.5])))


def _matrix(values: npt.NDArray[np.floating]) -> bytes:
    """Return a matrix of one column that is not quantised."""
    return struct.pack("<?qq", False, len(values), 1) + values.astype("<f4").tobytes()
