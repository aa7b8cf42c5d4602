"""Masks as texts: uncompressed run lengths, column by column, as COCO writes them."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def encoded_mask(mask: Mask) -> str:
    """Return a mask, shape `(height, width)`, as JSON with `size` and `counts`; the counts begin with those of false.

    Examples
    --------
    >>> encoded_mask(np.array([[False, True], [True, True]]))
    '{"size": [2, 2], "counts": [1, 3]}'
    """
    flat = mask.T.reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *changes.tolist(), len(flat)]).tolist()
    return json.dumps({"size": [*mask.shape], "counts": [0, *counts] if len(flat) and flat[0] else counts})


def decoded_mask(text: str) -> Mask:
    """Return the mask of a text.

    Raises
    ------
    ValueError
        If the text is no mask.

    Examples
    --------
    >>> decoded_mask('{"size": [2, 2], "counts": [1, 3]}').tolist()
    [[False, True], [True, True]]
    """
    given = json.loads(text)
    if not isinstance(given, dict) or not {"size", "counts"} <= given.keys():
        raise ValueError("is no mask in run lengths")
    (height, width), counts = given["size"], np.array(given["counts"], np.int64)
    if counts.min(initial=0) < 0 or counts.sum() != height * width:
        raise ValueError(f"has run lengths that do not sum up to {height} x {width}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(width, height).T
