from __future__ import annotations

import json

import pytest

from dj_assets.recipe.model import Source
from dj_assets.sources.formats.llava import to_llava
from dj_assets.subset.entries import source_files
from tests.sources.reading import read, together

RECORD = {
    "id": "004539375",
    "image": "00453/004539375.jpg",
    "conversations": [
        {"from": "human", "value": "Render a clear and concise summary of the photo.\n<image>"},
        {"from": "gpt", "value": "select luxury furniture 3 - inch gel memory foam mattress topper"},
    ],
}


def parsed(folder, records):
    (folder / "llava.json").write_text(json.dumps(records, indent=1))
    (file,) = source_files([Source(paths=("llava.json",), format="llava")], folder, folder)
    return together(read(file))


def samples(found):
    fields = [json.loads(record) for record in found.rows["fields"].to_pylist()]
    return [{**record, "text": text} for record, text in zip(fields, found.rows["text"].to_pylist(), strict=True)]


def test_the_caption_becomes_the_text_and_the_own_fields_stay(tmp_path):
    (sample,) = samples(parsed(tmp_path, [RECORD]))
    caption = RECORD["conversations"][1]["value"]
    assert sample == {**RECORD, "text": f"<image>\n{caption} <|__dj__eoc|>", "images": [RECORD["image"]]}


def test_several_answers_are_lines_of_one_chunk(tmp_path):
    turns = [{"from": who, "value": what} for who, what in zip(["human", "gpt"] * 2, "qa?b", strict=True)]
    (sample,) = samples(parsed(tmp_path, [{**RECORD, "conversations": turns}]))
    assert sample["text"] == "<image>\na\nb <|__dj__eoc|>"
    assert to_llava(sample)["conversations"] == turns


def test_a_record_without_an_image_has_neither_token_nor_path(tmp_path):
    (sample,) = samples(parsed(tmp_path, [{key: RECORD[key] for key in ("id", "conversations")}]))
    assert sample["images"] == []
    assert "<image>" not in sample["text"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conversations": RECORD["conversations"][:1]}, "no list of questions and answers"),
        ({"conversations": [{"from": "human"}, {"from": "gpt", "value": "a"}]}, "has no text"),
        ({"conversations": "a"}, "no list of questions and answers"),
        ({"image": 7}, "'image' is no string"),
    ],
)
def test_a_conversation_that_is_none_is_refused_alone(tmp_path, change, message):
    found = parsed(tmp_path, [RECORD, {**RECORD, **change}])
    assert found.rows.num_rows == 1
    (reject,) = found.rejects
    assert message in reject.error
    assert not reject.dropped


def test_a_record_without_a_conversation_is_dropped(tmp_path):
    (reject,) = parsed(tmp_path, [RECORD, {"id": "x"}]).rejects
    assert reject.dropped


def test_what_is_refined_is_written_in_its_own_form_with_the_cleaned_caption(tmp_path):
    (sample,) = samples(parsed(tmp_path, [RECORD]))
    assert to_llava(sample) == RECORD
    cleaned = {**sample, "text": "<image>\nA mattress. <|__dj__eoc|>"}
    again = to_llava(cleaned)
    assert again["conversations"] == [RECORD["conversations"][0], {"from": "gpt", "value": "A mattress."}]
    assert set(again) == set(RECORD)


def test_a_sample_that_never_was_a_conversation_becomes_one():
    again = to_llava({"id": "a", "text": "<image>\nA cat. <|__dj__eoc|>", "images": ["cat.jpg"]})
    assert again == {
        "id": "a",
        "image": "cat.jpg",
        "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "A cat."}],
    }


def test_a_list_of_images_has_a_token_for_each(tmp_path):
    """As in LLaVA-NeXT (Interleave, OneVision)."""
    record = {**RECORD, "image": ["a.jpg", "b.jpg"]}
    (sample,) = samples(parsed(tmp_path, [record]))
    assert sample["text"].startswith("<image>\n<image>\nselect luxury")
    assert sample["images"] == ["a.jpg", "b.jpg"]
    assert to_llava(sample) == record
    changed = to_llava({**sample, "text": "<image>\n<image>\nTwo. <|__dj__eoc|>"})
    assert changed == {**record, "conversations": [record["conversations"][0], {"from": "gpt", "value": "Two."}]}
    (reject,) = parsed(tmp_path, [record, {**record, "image": ["a.jpg", 7]}]).rejects
    assert "'image' is no string and no list of strings" in reject.error


def test_a_sample_without_images_gets_no_token_of_one():
    assert to_llava({"id": "a", "text": " plain text\n"}) == {
        "id": "a",
        "conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": " plain text\n"}],
    }
    two = to_llava({"text": "<image>\n<image>\nTwo. <|__dj__eoc|>", "images": ["a.jpg", "b.jpg"]})
    assert two["image"] == ["a.jpg", "b.jpg"]
    assert two["conversations"][0]["value"] == "<image>\n<image>"
    assert two["conversations"][1]["value"] == "Two."


@pytest.mark.parametrize("answer", [" starts and ends with spaces ", "an <image> in the text", "two\nlines", "\n", ""])
def test_an_answer_that_no_mapper_changed_stays_as_it_is(tmp_path, answer):
    record = {**RECORD, "conversations": [RECORD["conversations"][0], {"from": "gpt", "value": answer}]}
    (sample,) = samples(parsed(tmp_path, [record]))
    assert to_llava(sample) == record
