"""Every text operator against the outputs Data-Juicer 1.6.1 gives, sample by sample."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dj_assets import settings
from dj_assets.kernels.components import components
from dj_assets.models.store import ModelStore
from dj_assets.operators import registry
from dj_assets.operators.base import CorpusMapper, Deduplicator, Filter, Mapper, Operator
from dj_assets.operators.batch import Batch
from dj_assets.operators.dedup.document_minhash_deduplicator import DocumentMinhashDeduplicator
from dj_assets.operators.text.specified_numeric_field_filter import SpecifiedNumericFieldFilter

pytestmark = pytest.mark.shared

TEXT = Path(__file__).resolve().parents[2] / "../shared/conformance/text"
TOLERANCE = {"lang_score": 1e-5, "perplexity": 0.1}
OPERATORS = [
    "alphanumeric_filter",
    "average_line_length_filter",
    "character_repetition_filter",
    "chinese_convert_mapper",
    "clean_copyright_mapper",
    "clean_email_mapper",
    "clean_html_mapper",
    "clean_ip_mapper",
    "clean_links_mapper",
    "document_deduplicator",
    "document_line_deduplicator",
    "document_minhash_deduplicator",
    "document_simhash_deduplicator",
    "expand_macro_mapper",
    "fix_unicode_mapper",
    "flagged_words_filter",
    "language_id_score_filter",
    "maximum_line_length_filter",
    "perplexity_filter",
    "punctuation_normalization_mapper",
    "remove_bibliography_mapper",
    "remove_comments_mapper",
    "remove_header_mapper",
    "remove_long_words_mapper",
    "remove_non_chinese_character_mapper",
    "remove_repeat_sentences_mapper",
    "remove_specific_chars_mapper",
    "remove_table_text_mapper",
    "remove_words_with_incorrect_substrings_mapper",
    "special_characters_filter",
    "specified_field_filter",
    "specified_numeric_field_filter",
    "stopwords_filter",
    "suffix_filter",
    "text_action_filter",
    "text_entity_dependency_filter",
    "text_length_filter",
    "token_num_filter",
    "whitespace_normalization_mapper",
    "word_repetition_filter",
    "words_num_filter",
]


@pytest.fixture(autouse=True)
def _material() -> None:
    if not TEXT.is_dir():
        message = f"the conformance material {TEXT} is not there"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@cache
def inputs() -> tuple[list[str], Batch]:
    rows = [json.loads(line) for line in (TEXT / "inputs.jsonl").read_text("utf-8").split("\n") if line]
    models = ModelStore(((TEXT / "../models").resolve(), *settings.model_folders()))
    batch = Batch.of_texts([row["text"] for row in rows], models)
    fields = [
        json.dumps({**row, "text": None, "__dj__suffix__": row["meta"]["suffix"], "num": len(row["text"]) / 7.0})
        for row in rows
    ]
    return [row["id"] for row in rows], Batch(batch.rows.append_column("fields", pa.array(fields)), models)


def cases(name: str) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    with (TEXT / f"{name}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            found[json.dumps(case["params"])].append(case)
    return found


def operator(name: str, parameters: dict[str, Any]) -> Operator:
    cls = registry.find(name)
    assert cls is not None
    lists = {key: str(TEXT / "assets") for key in ("flagged_words_dir", "stopwords_dir") if key in cls.model_fields}
    return cls(**lists, **parameters)


@pytest.mark.parametrize("name", OPERATORS)
def test_agrees_with_data_juicer(name: str) -> None:
    for parameters, expected in cases(name).items():
        made = operator(name, json.loads(parameters))
        if isinstance(made, CorpusMapper):
            check_corpus_mapper(made, expected[0])
        elif isinstance(made, Mapper):
            check_mapper(made, expected)
        elif isinstance(made, Filter):
            check_filter(made, expected)
        else:
            assert isinstance(made, Deduplicator)
            check_deduplicator(made, expected[0])


def check_mapper(mapper: Mapper, expected: list[dict[str, Any]]) -> None:
    ids, batch = inputs()
    after = dict(zip(ids, mapper.apply(batch).text.to_pylist(), strict=True))
    before = dict(zip(ids, batch.text.to_pylist(), strict=True))
    wanted = {case["id"]: case.get("text_out", before[case["id"]]) for case in expected}
    assert len(wanted) == len(after)
    assert {i: after[i] for i in ids if after[i] != wanted[i]} == {}


def check_corpus_mapper(mapper: CorpusMapper, expected: dict[str, Any]) -> None:
    ids, batch = inputs()
    assert ids == expected["kept_ids"]
    keys, counts = np.unique(mapper.count(batch).flatten().to_numpy(), return_counts=True)
    after = mapper.rewrite(batch, keys[counts > mapper.frequency_threshold]).text.to_pylist()
    wanted = [expected["text_out"].get(i, text) for i, text in zip(ids, batch.text.to_pylist(), strict=True)]
    assert after == wanted


def check_filter(made: Filter, expected: list[dict[str, Any]]) -> None:
    import duckdb

    ids, batch = inputs()
    stats = pa.table({"id": pa.array(ids), **made.measure(batch)})
    rows = {row["id"]: row for row in stats.to_pylist()}
    for case in expected:
        for key, value in case["stats"].items():
            got = rows[case["id"]][key]
            # what is no number is stored as it is there, and as none here
            stored = None if isinstance(made, SpecifiedNumericFieldFilter) and isinstance(value, str) else value
            exact = not isinstance(stored, float) or key not in TOLERANCE
            close = got == stored if exact else abs(got - stored) <= TOLERANCE[key]
            assert close, (made, case, got)
    test = made.condition.keep({s.key: s.key for s in made.statistics})
    with duckdb.connect() as database:
        database.register("stats", stats)
        kept = {i for (i,) in database.execute(f"SELECT id FROM stats WHERE {test.text}", test.parameters).fetchall()}
    wanted = {case["id"] for case in expected if case["keep"]}
    zeros = {i for i, row in rows.items() if isinstance(made, SpecifiedNumericFieldFilter) and row.get("num") == 0}
    # 0 is a number here
    assert kept - zeros == wanted - zeros


def check_deduplicator(made: Deduplicator, expected: dict[str, Any]) -> None:
    ids, batch = inputs()
    signed = made.sign(batch)
    if "hash" in expected:
        assert {i: value.hex() for i, value in zip(ids, signed.to_pylist(), strict=True)} == expected["hash"]
    if "simhash" in expected:
        assert dict(zip(ids, map(str, signed.to_pylist()), strict=True)) == expected["simhash"]
    if isinstance(made, DocumentMinhashDeduplicator):
        check_bands(made, expected)
    assert [ids[i] for i in kept(made, signed)] == expected["kept_ids"]


def check_bands(made: DocumentMinhashDeduplicator, expected: dict[str, Any]) -> None:
    from dj_assets.kernels.minhash import permutations

    ids, batch = inputs()
    bands, rows = made.bands
    assert (bands, rows) == (expected["num_bands"], expected["num_rows_per_band"])
    values = made.minhash(batch, permutations(bands * rows)).astype(">u8")
    first = {i: value[:rows].tobytes().hex() for i, value in zip(ids, values, strict=True)}
    assert first == expected["minhash_first_band"]
    sums = {i: hashlib.sha256(value.tobytes()).hexdigest()[:16] for i, value in zip(ids, values, strict=True)}
    assert sums == expected["minhash_sha256"]


def kept(made: Deduplicator, signed: pa.Array) -> list[int]:
    """Return the places of the samples that are kept when all are alive."""
    if pa.types.is_list(signed.type):
        labels = shared(signed)
    else:
        encoded = (
            signed.dictionary_encode().indices.to_numpy() if pa.types.is_fixed_size_binary(signed.type) else signed
        )
        distinct, inverse = np.unique(encoded, return_inverse=True)
        pairs = made.near_pairs(distinct)
        assert pc.all(pc.less(pairs["a"], pairs["b"])).as_py() is not False
        a, b = (np.searchsorted(distinct, pairs[column].to_numpy()).astype(np.int64) for column in ("a", "b"))
        labels = components(len(distinct), a, b)[inverse]
    _, first = np.unique(labels, return_index=True)
    return sorted(first)


def shared(signed: pa.ListArray) -> np.ndarray:
    holder, keys = signed.value_parent_indices().to_numpy(), signed.flatten().to_numpy()
    _, first = np.unique(keys, return_index=True)
    return components(len(signed), holder, holder[first][np.unique(keys, return_inverse=True)[1]])
