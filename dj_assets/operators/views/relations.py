"""The shape of entities and relations that language models name."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

ENTITIES = pa.list_(
    pa.struct([("entity_name", pa.string()), ("entity_type", pa.string()), ("entity_entity_description", pa.string())])
)
RELATIONS = pa.list_(
    pa.struct(
        [
            ("relation_source_entity", pa.string()),
            ("relation_target_entity", pa.string()),
            ("relation_description", pa.string()),
            ("relation_keywords", pa.list_(pa.string())),
            ("relation_strength", pa.float64()),
        ]
    )
)


def relation(
    source: str, target: str, description: str, keywords: Sequence[str], strength: float | None = None
) -> dict[str, object]:
    """Return a relation between two entities."""
    values = (source, target, description, [*keywords], strength)
    return dict(zip((field.name for field in RELATIONS.value_type), values, strict=True))
