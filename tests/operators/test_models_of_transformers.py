"""Operators that run models of transformers in this process, compared with transformers itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dj_assets
from dj_assets.errors import MissingModelError, RecipeError
from dj_assets.models import load
from dj_assets.operators.batch import FIELDS, TEXT, Batch
from dj_assets.operators.registry import find
from dj_assets.recipe.load import load_recipe
from tests.models.text.tiny import CAPTIONER, TRANSLATOR
from tests.operators.test_faces_and_filters import clip, frames_of, made_picture

META = "__dj__meta__"


@pytest.mark.parametrize("kind", ["intent", "sentiment", "topic"])
@pytest.mark.parametrize("translated", [True, False])
def test_questions_are_classified_as_by_pipelines(models, kind, translated):
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

    operator = find(f"query_{kind}_detection_mapper")(**({} if translated else {"zh_to_en_hf_model": None}))
    question = "where is the cat"
    records = [{"query": question}, {"query": None}, {}, {"query": question}]
    fields = pa.array([json.dumps(record) for record in records])
    rows = pa.RecordBatch.from_arrays([pa.array([""] * len(records)), fields], names=[TEXT, FIELDS])
    labels, scores = (column.to_pylist() for column in operator.extract(Batch(rows, models)).values())
    read = question
    if translated:
        folder = models.find(TRANSLATOR).path
        tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)
        inputs = tokenizer(question, return_tensors="pt")
        with torch.inference_mode():
            made = model.generate(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        read = tokenizer.decode(made[0], skip_special_tokens=True)
    [wanted] = pipeline("text-classification", model=str(models.find(operator.hf_model).path))(read)
    assert labels == [wanted["label"], None, None, wanted["label"]]
    assert scores[0] == scores[3] == pytest.approx(wanted["score"], abs=1e-6)
    assert [*operator.fields] == [f"{META}.query_{kind}_label", f"{META}.query_{kind}_label_score"]


@pytest.fixture
def run(tmp_path, models, monkeypatch):
    """Return a function that runs one captioning step over two clips, and returns the kept rows."""
    monkeypatch.setenv("DJ_DEVICE", "cpu")
    clip(tmp_path / "a.mp4", [made_picture(number) for number in range(6)])
    clip(tmp_path / "b.mp4", [made_picture(9)] * 3)
    text = "before <__dj__video> middle <|__dj__eoc|> no clip <|__dj__eoc|> <__dj__video> after"
    records = [{"text": text, "videos": ["a.mp4", "b.mp4"], "wish": "a cat"}, {"text": "none", "videos": []}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    def captioned(**parameters: object) -> list[dict[str, object]]:
        recipe = {"process": [{"video_captioning_from_frames_mapper": parameters}]}
        folder = models.find(CAPTIONER).path.parents[1]
        source, out = tmp_path / "in.jsonl", tmp_path / "out"
        dj_assets.run_recipe(recipe, [source], out, workers=1, overwrite=True, models=folder)
        return [row for path in sorted((out / "refined").glob("*")) for row in pq.read_table(path).to_pylist()]

    return captioned


def caption_of(models, picture, prompt: str | None = None) -> str:
    """Return the caption of a picture by transformers itself."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    path = models.find(CAPTIONER).path
    processor = AutoProcessor.from_pretrained(path, backend="pil")
    model = AutoModelForImageTextToText.from_pretrained(path).eval()
    small = picture.convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)
    inputs = processor(images=small, return_tensors="pt", **({"text": prompt} if prompt else {}))
    with torch.inference_mode():
        drawn = model.generate(**inputs, max_new_tokens=128, do_sample=False)
    return processor.batch_decode(drawn, skip_special_tokens=True)[0].strip()


def wanted_captions(models, folder: Path, name: str, numbers: list[int], prompt: str | None = None) -> str:
    """Return the captions of frames by transformers itself."""
    from PIL import Image

    frames = frames_of(folder / name)
    return ". ".join(caption_of(models, Image.fromarray(frames[number]), prompt) for number in numbers)


def test_clips_are_described(run, models, tmp_path):
    rows = run()
    first, second = (wanted_captions(models, tmp_path, *clip) for clip in (("a.mp4", [0, 3]), ("b.mp4", [0])))
    wanted = f"<__dj__video> {first} <|__dj__eoc|><__dj__video> {second} <|__dj__eoc|>"
    assert [row["text"] for row in rows[1:]] == [wanted, "none"]
    assert first != second
    assert rows[0]["videos"] == rows[1]["videos"] == ["a.mp4", "b.mp4"]
    [row] = run(
        keep_original_sample=False, legacy_split_by_text_token=False, frame_sampling_method="uniform", frame_num=1
    )
    one = wanted_captions(models, tmp_path, "a.mp4", [3])
    assert (
        row["text"] == f"<__dj__video>{one} <__dj__video>{wanted_captions(models, tmp_path, 'b.mp4', [1])}<|__dj__eoc|>"
    )


def test_images_are_described(tmp_path, models, monkeypatch):
    monkeypatch.setenv("DJ_DEVICE", "cpu")
    for number in range(2):
        made_picture(number).save(tmp_path / f"{number}.png")
    text = "<__dj__image> a <__dj__image><|__dj__eoc|> words <|__dj__eoc|>"
    record = {"text": text, "images": ["0.png", "1.png"]}
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n")
    recipe = {"process": [{"image_captioning_mapper": {"keep_original_sample": False, "gpu_batch_size": 4}}]}
    folder = models.find(CAPTIONER).path.parents[1]
    result = dj_assets.run_recipe(recipe, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, models=folder)
    [row] = [row for path in result.refined for row in pq.read_table(path).to_pylist()]
    first, second = (caption_of(models, made_picture(number)) for number in range(2))
    mark, end = "<__dj__image>", "<|__dj__eoc|>"
    assert row["text"] == f"{mark} {first} {mark} {second} {end}{end}"


def test_captions_may_be_a_field_with_a_prompt(run, models, tmp_path):
    given = {"text_update_strategy": "keep_origin", "caption_field": "captions", "keep_original_sample": False}
    [row] = run(**given, prompt_key="wish")
    assert row["text"].startswith("before <__dj__video> middle")
    assert row["captions"][0] == wanted_captions(models, tmp_path, "a.mp4", [0, 3], "a cat")


def test_candidates_are_drawn_and_always_the_same(run):
    every = [row["text"] for row in run(caption_num=2, keep_candidate_mode="all", keep_original_sample=False)]
    assert len(set(every)) == 2
    assert [row["text"] for row in run(caption_num=2, keep_candidate_mode="all", keep_original_sample=False)] == every
    for mode in ("random_any", "similar_one_simhash"):
        [row] = run(caption_num=2, keep_candidate_mode=mode, keep_original_sample=False)
        parts = [text.split("<|__dj__eoc|>")[:2] for text in every]
        assert all(
            part in own for part, own in zip(row["text"].split("<|__dj__eoc|>"), zip(*parts, strict=True), strict=False)
        )


def test_a_missing_model_is_no_reason_to_refuse_a_recipe():
    recipe = load_recipe({"process": [{"video_captioning_from_frames_mapper": {"hf_img2seq": "nobody/has-it"}}]})
    [operator] = recipe.process
    with pytest.raises(MissingModelError, match="nobody/has-it"):
        operator.features_for(load_store())
    with pytest.raises(RecipeError, match="needs a caption_field"):
        load_recipe({"process": [{"video_captioning_from_frames_mapper": {"text_update_strategy": "keep_origin"}}]})


def load_store():
    from dj_assets.models.store import ModelStore

    return ModelStore(())


def test_texts_longer_than_the_model_are_cut(models):
    model = load.sequence_classifier(models.find("dstefa/roberta-base_topic_classification_nyt_news").path)
    label, score = model.classify("a " * 500)
    assert (label, np.isfinite(score)) == (model.classify("a " * 900)[0], True)


def test_frames_are_tagged_by_clip(tmp_path, models, monkeypatch):
    from dj_assets.models.vision.pixels import preprocessing

    monkeypatch.setenv("DJ_DEVICE", "cpu")
    clip(tmp_path / "a.mp4", [made_picture(number) for number in range(6)])
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "", "videos": ["a.mp4"]}) + "\n")
    path = models.find("openai/clip-vit-base-patch32").path
    model = load.clip(path)
    from PIL import Image

    frames = [frames_of(tmp_path / "a.mp4")[number] for number in (0, 3)]
    crops = [preprocessing(path).geometry.pixels(Image.fromarray(frame)) for frame in frames]
    tags = ["cat", "dog", "a red car", "people", "sea"]
    read = model.encode_texts([f"a photo of {tag}" for tag in tags])
    scores = np.array([[model.similarity(seen, text) for text in read] for seen in model.encode_images(crops)])
    limit = float(np.sort(scores.ravel())[4])
    wanted: dict[str, int] = {}
    for row in scores:
        for index in np.argsort(-row, kind="stable"):
            if row[index] >= limit:
                wanted[tags[index]] = wanted.get(tags[index], 0) + 1
    expected = sorted(wanted, key=lambda tag: -wanted[tag])
    given = {"tag_list": tags, "min_similarity": limit}
    absent = next(tag for tag in tags if tag not in expected)
    steps = [
        {"video_tagging_from_frames_mapper": given},
        {"video_tagging_from_frames_filter": {**given, "tags": [expected[0].upper(), absent], "contain": "any"}},
    ]
    folder = path.parents[1]

    def run(last: dict[str, object]) -> list[dict[str, object]]:
        process = [
            steps[0],
            {"video_tagging_from_frames_filter": {**steps[1]["video_tagging_from_frames_filter"], **last}},
        ]
        result = dj_assets.run_recipe(
            {"process": process}, [tmp_path / "in.jsonl"], tmp_path / "out", workers=1, overwrite=True, models=folder
        )
        return [row for file in result.refined for row in pq.read_table(file).to_pylist()]

    [row] = run({})
    assert row[META]["video_frame_tags"] == [expected]
    assert run({"contain": "all"}) == run({"tags": [absent]}) == []
    assert len(run({"tags": [absent], "reversed_range": True})) == 1
