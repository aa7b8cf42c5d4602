"""Every judged step of Img-Diff from given images, boxes and texts, computed again with transformers and NumPy."""

from __future__ import annotations

import json
import re

import duckdb
import numpy as np
import pytest
from PIL import Image

from dj_assets.models.store import ModelStore
from dj_assets.subset import run_recipe

CLIP, BLIP = "openai/clip-vit-base-patch32", "Salesforce/blip-itm-base-coco"
CAPTIONS = ("A brown dog, and a cup, on the RED sofa.", "A brown cat and a cup on the sofa!")
OBJECTS = (["dog", "red"], ["cat"])
REGIONS = ("a brown dog on a sofa", "a cat")
LONG = "a word " * 90
# Centre x, centre y, width and height: within, over two edges, narrow, without a whole pixel.
BOXES = ((30.0, 25.0, 21.0, 17.5), (5.0, 6.0, 18.0, 20.0), (60.4, 40.0, 1.5, 30.0), (40.2, 40.2, 0.4, 0.3))
SIZE = (80, 60)
OPEN = {"min_score": -2, "max_score": 2}
PROCESS = [
    {"img_diff_caption_filter": {"max_words": None, "max_tokens": None}},
    {"image_pair_similarity_filter": OPEN},
    {"img_diff_box_area_filter": {"min_area": -1, "max_area": 2, "min_pixels": -1}},
    {"img_diff_object_filter": OPEN},
    {"img_diff_crop_similarity_filter": OPEN},
    {"img_diff_region_match_filter": {**OPEN, "grow": 5}},
    {"text_pair_similarity_filter": {**OPEN, "text_key": "region_caption1", "text_key_second": "region_caption2"}},
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Image.Image]:
    """Two smooth pictures; the second one is larger, and differs in a part."""
    chance = np.random.default_rng(8)
    small = chance.integers(0, 256, (6, 8, 3), np.uint8)
    first = Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC)
    small[2:4, 2:5] = chance.integers(0, 256, (2, 3, 3), np.uint8)
    return [first, Image.fromarray(small).resize((120, 90), Image.Resampling.BICUBIC)]


@pytest.fixture(scope="module")
def measured(pictures, tmp_path_factory) -> list[dict[str, object]]:
    folder = tmp_path_factory.mktemp("given")
    for number, picture in enumerate(pictures, 1):
        picture.save(folder / f"{number}.png")
    records = [
        {
            "id": str(number),
            "caption1": CAPTIONS[0],
            "caption2": CAPTIONS[1],
            "images": ["1.png", "2.png"],
            "box": box,
            "objects1": OBJECTS[0],
            "objects2": OBJECTS[1],
            "region_caption1": REGIONS[0],
            "region_caption2": LONG if number == 1 else REGIONS[1],
        }
        for number, box in enumerate(BOXES)
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    asset = {"subset": "given", "group": "mine", "source": {"path": "in.jsonl"}, "stats": "full"}
    recipe = {"text_keys": "caption1", "asset": asset, "process": PROCESS}
    run_recipe(recipe, [folder / "in.jsonl"], folder / "out", workers=1)
    with duckdb.connect(str(folder / "out/stats.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(0,)]
        table = connection.execute("SELECT * FROM stats ORDER BY id").fetchall()
        return [dict(zip([column[0] for column in connection.description], row, strict=True)) for row in table]


def corners(box: tuple[float, ...], grow: int = 0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom: cut off to whole pixels, then grown, then kept within the first picture."""
    across, down, width, height = box
    left, top = int(across - width / 2) - grow, int(down - height / 2) - grow
    right, bottom = int(across + width / 2) + grow, int(down + height / 2) + grow
    return max(left, 0), max(top, 0), min(right, SIZE[0]), min(bottom, SIZE[1])


def crops(pictures: list[Image.Image], box: tuple[float, ...], grow: int = 0) -> list[Image.Image]:
    both = [pictures[0], pictures[1].resize(SIZE)]
    return [picture.crop(corners(box, grow)) for picture in both]


@pytest.fixture(scope="module")
def clip():
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    folder = ModelStore().find(CLIP).path
    return (
        CLIPModel.from_pretrained(folder).eval(),
        CLIPImageProcessorPil.from_pretrained(folder),
        CLIPTokenizer(vocab=json.loads((folder / "vocab.json").read_text()), merges=[], model_max_length=77),
    )


def images_cosine(clip, first: Image.Image, second: Image.Image) -> float:
    import torch

    model, process, _ = clip
    with torch.no_grad():
        seen = model.vision_model(**process([first, second], return_tensors="pt")).pooler_output
        vectors = model.visual_projection(seen).numpy().astype(np.float64)
    one, other = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(one @ other)


def texts_cosine(clip, first: str, second: str) -> float:
    import torch

    model, _, tokenize = clip
    vectors = []
    for text in (first, second):
        tokens = tokenize(text, truncation=True, max_length=77, return_tensors="pt")
        with torch.no_grad():
            seen = model.text_model(**tokens).pooler_output
            vectors.append(model.text_projection(seen).numpy()[0].astype(np.float64))
    one, other = (vector / np.linalg.norm(vector) for vector in vectors)
    return float(one @ other)


@pytest.fixture(scope="module")
def matched():
    """Return a function: the largest probability of a match, and the largest cosine, of a crop and some texts."""
    import torch
    from transformers import BertTokenizer, BlipForImageTextRetrieval, BlipImageProcessorPil

    folder = ModelStore().find(BLIP).path
    model = BlipForImageTextRetrieval.from_pretrained(folder).eval()
    process, tokenize = BlipImageProcessorPil.from_pretrained(folder), BertTokenizer.from_pretrained(folder)

    longest = model.config.text_config.max_position_embeddings

    def match(crop: Image.Image, texts: list[str]) -> tuple[float, float]:
        found = []
        for text in texts:
            tokens = tokenize(
                text, truncation=True, max_length=longest, return_tensors="pt", return_token_type_ids=False
            )
            seen = process(crop, return_tensors="pt")
            with torch.no_grad():
                logits = model(**seen, **tokens).itm_score
                cosine = model(**seen, **tokens, use_itm_head=False).itm_score
            found.append((float(logits.softmax(-1)[0, 1]), float(cosine[0, 0])))
        return max(score for score, _ in found), max(cosine for _, cosine in found)

    return match


def test_the_pair_of_images_and_its_captions(measured, pictures, clip):
    for row in measured:
        assert row["image_pair_similarity"] == pytest.approx([images_cosine(clip, *pictures)], abs=1e-5)
    words = [re.sub(r"[^\w\s]", "", caption.lower()).split() for caption in CAPTIONS]
    gone = [word for word in words[0] if word not in words[1]]
    assert gone == ["dog", "red"]
    assert {row["caption_changed_words"] for row in measured} == {len(gone)}
    tokens = max(len(clip[2](caption).input_ids) for caption in CAPTIONS)
    assert {row["caption_tokens"] for row in measured} == {tokens}


def test_the_area_of_boxes(measured):
    for row, box in zip(measured, BOXES, strict=True):
        left, top, right, bottom = corners(box)
        assert row["box_area"] == pytest.approx(box[2] * box[3] / (SIZE[0] * SIZE[1]))
        assert row["box_pixels"] == (right - left) * (bottom - top)
    assert [row["box_pixels"] == 0 for row in measured] == [False, False, False, True]


def test_the_similarity_of_crops(measured, pictures, clip):
    for row, box in list(zip(measured, BOXES, strict=True))[:3]:
        assert row["crop_similarity"] == pytest.approx(images_cosine(clip, *crops(pictures, box)), abs=1e-5)
    assert measured[3]["crop_similarity"] is None


def test_the_match_of_crops_and_objects(measured, pictures, matched):
    for row, box in list(zip(measured, BOXES, strict=True))[:3]:
        for side, (crop, words) in enumerate(zip(crops(pictures, box), OBJECTS, strict=True), 1):
            found = (row[f"box_itm_{side}"], row[f"box_itc_{side}"])
            assert found == pytest.approx(matched(crop, words), abs=1e-5)
    assert measured[3]["box_itm_1"] is None


def test_the_match_of_grown_crops_and_captions(measured, pictures, matched):
    for row, box, number in zip(measured, BOXES, range(4), strict=True):
        captions = (REGIONS[0], LONG if number == 1 else REGIONS[1])
        for side, (crop, caption) in enumerate(zip(crops(pictures, box, grow=5), captions, strict=True), 1):
            found = (row[f"region_itm_{side}"], row[f"region_itc_{side}"])
            assert found == pytest.approx(matched(crop, [caption]), abs=1e-5)


def test_the_similarity_of_captions_also_of_one_that_is_too_long(measured, clip):
    for number, row in enumerate(measured):
        wanted = texts_cosine(clip, REGIONS[0], LONG if number == 1 else REGIONS[1])
        found = row["text_pair_similarity"]
        assert (found[0] if isinstance(found, list) else found) == pytest.approx(wanted, abs=1e-5)
