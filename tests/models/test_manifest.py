from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from dj_assets.models.manifest import manifest, read_manifest
from dj_assets.operators.registry import find


def test_names_are_unique_and_every_address_is_https() -> None:
    models = manifest().models
    assert len({entry.name for entry in models}) == len(models)
    assert all(url.startswith("https://") for entry in models for url in entry.urls)


def test_a_language_is_filled_in_everywhere() -> None:
    entry = manifest().entry("zh.arpa.bin")
    assert entry is not None
    assert entry.urls == ("https://huggingface.co/edugp/kenlm/resolve/main/wikipedia/zh.arpa.bin",)
    assert entry.accepts == ("zh.arpa.bin", "zh.arpa.gz", "zh.arpa")
    assert (entry.pairs_with, entry.embedded, entry.sha256) == ("zh.sp.model", False, None)
    assert not any("{" in str(entry) for entry in manifest().models)


def test_what_uses_a_model_names_it() -> None:
    # An operator of the list asks for a model of the manifest under just that name.
    for name in ("language_id_score_filter", "perplexity_filter"):
        operator = find(name)
        assert operator is not None
        given = {"lang": "en"} if name == "perplexity_filter" else {}
        for model in operator(**given).models():
            entry = manifest().entry(model)
            assert entry is not None
            assert name in entry.used_by


def test_unknown_keys_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("models: [{name: x, licence: MIT, used_by: [], checksum: 00}]")
    with pytest.raises(ValidationError, match="checksum"):
        read_manifest(path)
