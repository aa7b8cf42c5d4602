"""The demo pair that ships: it loads, tells English from symbols, and is what its README says it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random
from statistics import median

import pytest

import dj_assets.models
from dj_assets.models import load
from dj_assets.models.store import DEMO, ModelStore
from dj_assets.samples import defects, generate
from dj_assets.samples.grammar import Dice, Grammar, foreign_sentences

FOLDER = Path(dj_assets.models.__file__).parent / "demo"


def perplexity(text: str) -> float:
    pieces = load.sentencepiece(FOLDER / "en.sp.model").encode_as_pieces(text)
    return _perplexity(pieces)


def _perplexity(pieces: list[str]) -> float:
    score = load.kenlm(FOLDER / "en.arpa.bin").score(" ".join(pieces))
    return float(10 ** (-score / (len(pieces) + 1)))


def test_the_store_gives_the_demo_pair_with_its_note(tmp_path: Path) -> None:
    store = ModelStore((tmp_path,))
    assert store.find("en.sp.model").note == store.find("en.arpa.bin").note == DEMO
    assert load.kenlm(store.find("en.arpa.bin").path).order == 3


def test_files_are_small_and_as_the_readme_says() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    for name, limit in (("en.sp.model", 400_000), ("en.arpa.bin", 4_000_000)):
        content = (FOLDER / name).read_bytes()
        assert len(content) < limit
        assert hashlib.sha256(content).hexdigest() in readme


@pytest.mark.parametrize(("subset", "limit"), [("nih", 1669), ("c4", 5000), ("pubmed_abstract", 4000), ("arxiv", 8000)])
def test_ordinary_documents_stay_well_below_the_recipes_limit(subset: str, limit: int) -> None:
    found = [perplexity(text) for text, _ in generate.documents(subset, 10, "unseen")]
    assert max(found) < limit / 2


def test_symbols_letters_and_other_scripts_are_far_above() -> None:
    g = Grammar.of("web", Dice("x"))
    ordinary = median(perplexity(text) for text, _ in generate.documents("c4", 10, "unseen"))
    assert perplexity(defects.symbols(Dice("x"), g)) > 10_000
    assert perplexity(defects.scrambled(Dice("x"), g)) > 10 * ordinary
    assert all(perplexity(" ".join(s)) > 10 * ordinary for s in foreign_sentences().values())
    assert perplexity(" ".join(foreign_sentences()["ru"])) > 5000


def test_shuffled_pieces_are_far_less_likely() -> None:
    text, _ = next(generate.documents("europarl", 1, "unseen"))
    pieces = load.sentencepiece(FOLDER / "en.sp.model").encode_as_pieces(text)
    assert _perplexity(Random(1).sample(pieces, len(pieces))) > 5 * _perplexity(pieces)
