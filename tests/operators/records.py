"""Batches of records, as operators over fields get them."""

from __future__ import annotations

import json

import pyarrow as pa

from dj_assets.operators.batch import FIELDS, TEXT, Batch


def batch(*records: dict[str, object]) -> Batch:
    """Return records as a batch: their texts, and all of each as its fields."""
    texts = pa.array([str(record.get("text", "")) for record in records])
    fields = pa.array([json.dumps(record) for record in records])
    return Batch(pa.RecordBatch.from_arrays([texts, fields], names=[TEXT, FIELDS]))
