"""A classifier learned from the scores of a canned model, used in the recipe of another run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

import dj_assets
from dj_assets.analysis.distill import distill
from dj_assets.analysis.scored_texts import ScoredTexts, scored_texts
from dj_assets.cli.app import app
from dj_assets.errors import UserError
from dj_assets.models import load
from dj_assets.models.fasttext_features import TextFeatures
from dj_assets.models.fasttext_writer import write_linear_classifier
from dj_assets.operators.conditions import Range
from dj_assets.operators.text.llm_quality_score_filter import LlmQualityScoreFilter
from dj_assets.subset.finished import finished_run

GOOD = "theorem proof lemma field matrix vector limit kernel measure graph".split()
BAD = "buy now cheap click offer discount sale free bonus winner".split()
OTHER = "the a of and in with for that this is".split()
SCORED, REST, SHORTEST = 240, 60, 40


def sentence(dice: random.Random, *, good: bool, words: int) -> str:
    """Return words of which a third tells the quality; shorter ones are not judged by the model."""
    return " ".join(dice.choice((GOOD if good else BAD) if dice.random() < 0.35 else OTHER) for _ in range(words))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model scored the long texts: of 300 texts, 240 have a score."""
    folder, dice = tmp_path_factory.mktemp("distill"), random.Random(1)
    answers, texts = {}, []
    dimensions = LlmQualityScoreFilter.dimensions
    for number in range(SCORED + REST):
        good, scored = number % 3 > 0, number < SCORED
        text = sentence(dice, good=good, words=30 if scored else 6) + f" {number}"
        prompt = f"# Data\n'''\n**Text**\n{text}\n'''\n\n# Response\njson\n"
        # one judgement in ten is wrong
        points = dice.choice((4, 5) if good != (number % 10 == 7) else (1, 2))
        answers[prompt] = json.dumps({"dimension_scores": dict.fromkeys(dimensions, points)})
        texts.append(text)
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJ_LLM", f"canned:{folder / 'answers.json'}")
        process = [{"text_length_filter": {"min_len": 60}}, {"llm_quality_score_filter": {}}]
        dj_assets.run_recipe({"process": process}, [folder / "in.jsonl"], folder / "out", workers=1)
    return folder


def test_the_command_shows_errors_and_writes_a_model_that_a_recipe_uses(judged, tmp_path):
    model = tmp_path / "quality.bin"
    arguments = ["distill", str(judged / "out"), "--output", str(model)]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "llm_quality_score_filter, 240 scores, 60 samples without one" in shown.stdout
    assert "texts a second on one core" in shown.stdout
    steps = yaml.safe_load(shown.stdout.partition("in a recipe:\n")[2])
    assert steps[0]["fasttext_score_filter"]["model"] == str(model)
    # the classifier judges all texts, also those that no model was asked about
    dj_assets.run_recipe({"process": steps}, [judged / "in.jsonl"], tmp_path / "all", workers=1)
    kept = {
        text
        for path in (tmp_path / "all/refined").glob("*.parquet")
        for text in pq.read_table(path)["text"].to_pylist()
    }
    texts = [json.loads(line)["text"] for line in (judged / "in.jsonl").read_text().splitlines()]
    right = [(text in kept) == (number % 3 > 0) for number, text in enumerate(texts)]
    assert np.mean(right[:SCORED]) > 0.9
    assert np.mean(right[SCORED:]) > 0.75


def test_errors_are_those_of_held_out_samples_and_the_same_seed_gives_the_same_file(judged, tmp_path):
    scored = scored_texts(*finished_run(str(judged / "out")))
    first = distill(scored, tmp_path / "a.bin", seed=3)
    again = distill(scored, tmp_path / "b.bin", seed=3)
    other = distill(scored, tmp_path / "c.bin", seed=4)
    assert first.model.read_bytes() == again.model.read_bytes() != other.model.read_bytes()
    assert first.taught + first.held_out == SCORED
    assert 30 < first.held_out < 70
    assert first.fitted.agreement.number == first.same_bounds.agreement.number == first.held_out
    # a tenth of the judgements is noise, which nothing can learn
    assert 0.03 < first.error < 0.8 * first.error_of_mean
    assert first.fitted.agreement.share > first.usual_share
    assert first.fitted.low != 0.5 == first.same_bounds.low
    # scores that say nothing about texts cannot be learned, and the figures show it
    mixed = [*scored.scores]
    random.Random(0).shuffle(mixed)
    noise = distill(ScoredTexts("x", "y", scored.bounds, scored.texts, mixed, 0, None), tmp_path / "n.bin")
    assert noise.error > 0.85 * noise.error_of_mean
    assert abs(noise.fitted.agreement.kappa or 0) < 0.3


def test_too_few_scores_and_one_side_alone_are_errors(judged, tmp_path):
    scored = scored_texts(*finished_run(str(judged / "out")))
    few = ScoredTexts("s", "llm_quality_score_filter", scored.bounds, scored.texts[:20], scored.scores[:20], 0, None)
    with pytest.raises(UserError, match=r"^s: llm_quality_score_filter has 20 scores; 60 are needed"):
        distill(few, tmp_path / "m.bin")
    one = ScoredTexts("s", "llm_quality_score_filter", Range("x", 0.1, 1.0), scored.texts, scored.scores, 0, None)
    with pytest.raises(UserError, match="drops 0 of 240 scored samples; 5 are needed on each side, so move"):
        distill(one, tmp_path / "m.bin")
    same = ScoredTexts("s", "llm_quality_score_filter", scored.bounds, ["a"] * 240, scored.scores, 0, None)
    with pytest.raises(UserError, match="nearly all scored samples have the same text"):
        distill(same, tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()
    layout, manifest = finished_run(str(judged / "out"))
    with pytest.raises(UserError, match=r"name one filter with --operator: llm_quality_score_filter$"):
        scored_texts(layout, manifest, "text_length_filter")


def test_a_recipe_without_such_a_filter_is_an_error(judged, tmp_path):
    recipe = {"process": [{"text_length_filter": {"min_len": 10}}]}
    dj_assets.run_recipe(recipe, [judged / "in.jsonl"], tmp_path / "out", workers=1)
    with pytest.raises(UserError, match="its recipe has no filter by the score of a language model for texts"):
        scored_texts(*finished_run(str(tmp_path / "out")))


def test_the_library_computes_the_rows_that_are_learned(tmp_path):
    texts = [
        "We go to school today",
        "我们今天去学校 学习",
        "naïve ÄÖ ß </s> behind the end",
        "__label__x a b",
        "",
        "x" * 300,
    ]
    features = TextFeatures.of([*texts, *texts], most=5)
    assert len(features.words) == 6
    weights = np.random.default_rng(0).normal(size=features.height) * 3
    write_linear_classifier(tmp_path / "m.bin", features, weights, ("kept", "dropped"))
    library = load.fasttext(tmp_path / "m.bin")
    for text in [*texts, "unseen wörds 未知 go"]:
        labels, found = library.predict(text, -1)
        wanted = 1 / (1 + np.exp(-weights[features.rows(text)].mean()))
        # the library adds 0.00001 to probabilities
        assert dict(zip(labels, found, strict=True))["__label__kept"] == pytest.approx(wanted, abs=2e-5)
