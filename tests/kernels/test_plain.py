from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

import dj_assets

SAMPLES = Path(dj_assets.__file__).parent / "samples"
RUN = """
import sys
import dj_assets
dj_assets.run_recipe("recipe.json", ["in.jsonl"], sys.argv[1], workers=1)
assert "numba" not in sys.modules or sys.argv[1] == "compiled"
"""


def test_plain_libraries_and_functions_give_the_results_of_compiled_kernels(tmp_path: Path) -> None:
    process = [
        "clean_links_mapper",
        "fix_unicode_mapper",
        "whitespace_normalization_mapper",
        "alphanumeric_filter",
        {"character_repetition_filter": {"rep_len": 5}},
        "language_id_score_filter",
        "perplexity_filter",
        "special_characters_filter",
        {"words_num_filter": {"tokenization": True}},
        {"word_repetition_filter": {"tokenization": True, "rep_len": 3}},
        "document_simhash_deduplicator",
        {"document_minhash_deduplicator": {"num_permutations": 32}},
    ]
    (tmp_path / "recipe.json").write_text(json.dumps({"process": process}), "utf-8")
    with gzip.open(SAMPLES / "c4.jsonl.gz", "rt", encoding="utf-8") as lines:
        (tmp_path / "in.jsonl").write_text("".join(islice(lines, 12)), "utf-8")
    for way, kernels in (("compiled", "shipped"), ("plain", "python")):
        subprocess.run(
            [sys.executable, "-c", RUN, way], check=True, cwd=tmp_path, env={**os.environ, "DJ_KERNELS": kernels}
        )
    for table in ("stats", "cleaned", "dropped"):
        plain, compiled = (pq.read_table(tmp_path / way / f"{table}.parquet") for way in ("plain", "compiled"))
        assert plain.equals(compiled), table
