from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dj_assets.models import load
from dj_assets.models.kenlm_writer import write_kenlm
from dj_assets.models.kneser_ney import arpa, estimate
from tests.models.test_kneser_ney import sentences
from tests.paths import shared


@pytest.mark.shared
def test_the_file_is_that_of_kenlm(tmp_path: Path) -> None:
    models = shared() / "conformance" / "models"
    with gzip.open(models / "en.arpa.gz", "rt", encoding="utf-8") as lines:
        write_kenlm(tmp_path / "en.arpa.bin", lines)
    assert (tmp_path / "en.arpa.bin").read_bytes() == (models / "en.arpa.bin").read_bytes()


def test_the_library_reads_it(tmp_path: Path) -> None:
    texts = sentences("train", 60)
    lines = [*arpa(estimate(texts, 3))]
    (tmp_path / "m.arpa").write_text("\n".join((*lines, "")))
    write_kenlm(tmp_path / "m.bin", lines)
    by_text, by_trie = load.kenlm(tmp_path / "m.arpa"), load.kenlm(tmp_path / "m.bin")
    for text in (*map(" ".join, texts), f"{texts[0][0]} unknown {texts[0][1]}", ""):
        assert by_text.score(text) == by_trie.score(text)


def test_ends_of_ngrams_must_be_there(tmp_path: Path) -> None:
    lines = ["\\1-grams:", "-1\ta\t0", "-1\tb\t0", "\\2-grams:", "-1\ta b\t0", "\\3-grams:", "-1\tb a b", "\\end\\"]
    with pytest.raises(ValueError, match="are no n-gram"):
        write_kenlm(tmp_path / "m.bin", lines)
    assert not (tmp_path / "m.bin").exists()
