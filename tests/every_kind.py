"""A recipe with an operator of every kind, its samples, and the answers of its language model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.documents import documents
from tests.media import made
from tests.test_subset import contents

RECIPE = r"""
process:
  - fix_unicode_mapper:
  - extract_tables_from_html_mapper:
  - pii_redaction_mapper:
  - image_blur_mapper: {p: 0.5}
  - image_shape_filter: {min_width: 8}
  - text_length_filter: {min_len: 20}
  - llm_quality_score_filter: {min_score: 0.5}
  - document_line_deduplicator: {frequency_threshold: 3}
  - document_simhash_deduplicator: {window_size: 3}
  - text_chunk_mapper: {max_len: 60, split_pattern: '\. '}
  - random_selector: {select_ratio: 0.5}
  - fixed_size_grouper: {group_size: 5}
  - join_text_aggregator:
  - text_length_filter: {min_len: 270}
"""


def write_source(folder: Path, files: int, samples: int) -> list[Path]:
    """Write files of samples, each with one of four images, and the recipe beside the folder."""
    folder.mkdir(parents=True)
    for number in range(4):
        made.image(folder / f"{number}.png", 6 + 8 * number, 16)
    for file in range(files):
        records = [
            {**record, "text": record["text"] or "", "images": [f"{row % 4}.png"]}
            for row, record in enumerate(documents(samples, seed=file))
        ]
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder.parent / "every_kind.yaml").write_text(RECIPE)
    return sorted(folder.glob("*.jsonl"))


def write_answers(path: Path) -> str:
    """Write the same scores for every question; return the value of `DJ_LLM`."""
    names = "accuracy grammar informativeness coherence"
    path.write_text(json.dumps({"*": json.dumps({"dimension_scores": dict.fromkeys(names.split(), 4)})}))
    return f"canned:{path}"


def results(output: Path) -> dict[str, object]:
    """Return all that a run wrote for its readers, and the checksums of the images that it made."""
    images = sorted((output / "media").glob("*/[!.]*"))
    checksums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in images}
    assert all(name.startswith(checksum) for name, checksum in checksums.items())
    return {**contents(output), "media": checksums}
