"""The formats of an export, by their names: in a module of its own, which the command line imports at its start."""

from __future__ import annotations

from typing import Literal

ExportFormat = Literal[
    "jsonl",
    "jsonl.zst",
    "parquet",
    "huggingface",
    "webdataset",
    "llava",
    "megatron",
    "mds",
    "litdata",
    "lance",
    "delta",
    "iceberg",
    "label_studio",
    "img_diff",
]
