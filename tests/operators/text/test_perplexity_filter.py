from __future__ import annotations

from typing import Any

from dj_assets.models import load
from dj_assets.operators.text.perplexity_filter import PerplexityFilter

TEXT = "The people of the United States have chosen.\nThey have spoken, 数据 😀."


def test_as_the_two_libraries_say(bench: Any) -> None:
    made = PerplexityFilter()
    batch = bench.batch(made, [TEXT, ""])
    pieces = load.sentencepiece(batch.models.find("en.sp.model").path).encode(TEXT, out_type=str)
    score = load.kenlm(batch.models.find("en.arpa.bin").path).score(" ".join(pieces))
    assert made.measure(batch)["perplexity"].to_pylist() == [round(10 ** (-score / (len(pieces) + 1)), 1), 0.0]


def test_noise_is_more_surprising_than_prose(bench: Any) -> None:
    prose, noise = bench.measured(PerplexityFilter(), "The people of the United States.", "xq zzv kjw qqp vvx wz")
    assert 0 < prose < noise


def test_models_of_the_language() -> None:
    assert PerplexityFilter(lang="zh").models() == ("zh.sp.model", "zh.arpa.bin")
