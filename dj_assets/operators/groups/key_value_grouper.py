"""Form groups of the samples with equal values of some fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dj_assets.operators.base import Grouper, Statistic
from dj_assets.operators.batch import Batch
from dj_assets.operators.registry import register
from dj_assets.operators.sql import Sql
from dj_assets.operators.views.sample_fields import field_values

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=str)
# For the usual types, the functions that the encoder itself calls.
_DIRECT: Mapping[type, Callable[[Any], str]] = {str: encode_basestring, int: int.__repr__}


@register("key_value_grouper")
class KeyValueGrouper(Grouper):
    """Form groups of the samples with equal values of all fields of `group_by_keys`, without keys those of equal text.

    Dots in a key lead into nested fields. A missing value equals null. The statistic holds the values as a JSON object.
    """

    statistics: ClassVar[tuple[Statistic, ...]] = (Statistic("group_by_values", pa.string(), "JSON object"),)

    group_by_keys: tuple[str, ...] | None = None

    def measure(self, batch: Batch) -> Mapping[str, pa.Array]:
        """Return the values of the keys of every sample."""
        if self.group_by_keys:
            columns = {key: field_values(batch, key) for key in self.group_by_keys}
        else:
            columns = {self.text_key or "text": batch.text.to_pylist()}
        parts: list[str | pa.Array] = []
        for key, values in sorted(columns.items()):
            parts += [f"{', ' if parts else '{'}{_json(key)}: ", pa.array(map(_json, values), pa.string())]
        return {"group_by_values": pc.binary_join_element_wise(*parts, "}", "")}

    @property
    def grouping(self) -> Sql:
        """Return the query of the groups."""
        return Sql('SELECT sample, value AS "group" FROM samples')


def _json(value: object) -> str:
    return _DIRECT.get(type(value), _ENCODER.encode)(value)
