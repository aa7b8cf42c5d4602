"""The data of LLaVA and LLaVA-NeXT: convert images with a conversation to a caption with its images, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dj_assets.sources.blocks import RefusedError
from dj_assets.sources.json_records import NoTextError
from dj_assets.sources.sources import Reading

IMAGE = "<image>"
END = "<|__dj__eoc|>"
SEPARATOR = "\n"
# Fields that samples get in addition to their own.
ADDED = ("text", "images")


def compose(record: dict[str, object], reading: Reading) -> dict[str, object]:  # noqa: ARG001
    r"""Return the record with its caption as text and its images as a list; its own fields stay.

    `image` is a path, or a list of paths as in LLaVA-NeXT. The text is `<image>\n` for each image and the answers of
    the conversation, one per line, then a space and the token for the end of a chunk, as Data-Juicer's own conversion
    writes captions. Questions are left out: in this data set they are a few phrases. A record without an image has
    neither the token nor a path. A record that already has a text is returned unchanged.

    Raises
    ------
    NoTextError
        If it has no conversation.
    RefusedError
        If the conversation does not alternate between question and answer, or `image` holds anything but paths.
    """
    if isinstance(record.get("text"), str):
        return record
    if "conversations" not in record:
        raise NoTextError("no key 'conversations'", None, tuple(record))
    image = record.get("image") or []
    images = image if isinstance(image, list) else [image]
    if not all(isinstance(path, str) for path in images):
        raise RefusedError("'image' is no string and no list of strings,", has_key=True)
    return {**record, "text": _composed(answers_of(record["conversations"]), len(images)), "images": images}


def _composed(answers: Sequence[str], images: int) -> str:
    return f"{IMAGE}{SEPARATOR}" * images + f"{SEPARATOR.join(answers)} {END}"


def answers_of(conversation: object) -> list[str]:
    """Return the answers of the model in a conversation.

    Raises
    ------
    RefusedError
        If turns do not come in pairs, or one is not a text.
    """
    if not isinstance(conversation, list) or not conversation or len(conversation) % 2:
        raise RefusedError("the conversation is no list of questions and answers,", has_key=True)
    for turn in conversation:
        if not isinstance(turn, dict) or not isinstance(turn.get("value"), str):
            raise RefusedError("a turn of the conversation has no text,", has_key=True)
    return [turn["value"] for turn in conversation[1::2]]


def to_llava(sample: dict[str, Any]) -> dict[str, Any]:
    """Return a refined sample in LLaVA's own format: its own fields, with the cleaned caption as the answer.

    If the number of lines is still that of the answers, each line is one answer. Else the first answer is the whole
    caption, and the turns after it are removed. A conversation whose caption no mapper changed stays as it is. Null
    fields are left out. A sample without a conversation gets one, whose question is one token for each of its images.
    """
    text = str(sample["text"])
    image = sample.get("image") or sample.get("images") or []
    images = image if isinstance(image, list) else [image]
    turns = [_without_nulls(turn) for turn in sample.get("conversations") or ()]
    if not turns:
        question = SEPARATOR.join([IMAGE] * len(images))
        turns = [{"from": "human", "value": question}, {"from": "gpt", "value": _caption(text)}]
    elif text != _composed([turn["value"] for turn in turns[1::2]], len(images)):
        turns = _answered(turns, text.replace(END, "").replace(IMAGE, "").strip())
    fields = _without_nulls({key: value for key, value in sample.items() if key not in ADDED})
    paths = image if image is sample.get("image") or len(images) > 1 else next(iter(images), None)
    return {**fields, **({"image": paths} if images else {}), "conversations": turns}


def _answered(turns: Sequence[dict[str, Any]], caption: str) -> list[dict[str, Any]]:
    lines = caption.split(SEPARATOR)
    answers = lines if len(lines) == len(turns) // 2 else [caption]
    return [
        {**turn, "value": answers[number // 2]} if number % 2 else turn
        for number, turn in enumerate(turns[: 2 * len(answers)])
    ]


def _caption(text: str) -> str:
    """Return a text without the tokens of images at its start and that of the end of a chunk; nothing else changes."""
    caption = text.removesuffix(END).removesuffix(" ") if text.endswith(END) else text
    while caption.startswith(IMAGE):
        caption = caption.removeprefix(IMAGE).removeprefix(SEPARATOR)
    return caption


def _without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
