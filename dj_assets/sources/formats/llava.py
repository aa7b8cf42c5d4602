"""The pretraining data of LLaVA: convert an image with a conversation to a caption with its image, and back."""

from __future__ import annotations

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
    r"""Return the record with its caption as text and its image as a list of one; its own fields stay.

    The text is `<image>\n` and the answers of the conversation, one per line, then a space and the token for the end of
    a chunk, as Data-Juicer's own conversion writes captions. Questions are left out: in this data set they are a few
    phrases. A record without an image has neither the token nor a path. A record that already has a text is returned
    unchanged.

    Raises
    ------
    NoTextError
        If it has no conversation.
    RefusedError
        If the conversation does not alternate between question and answer, or the image is not a string.
    """
    if isinstance(record.get("text"), str):
        return record
    if "conversations" not in record:
        raise NoTextError("no key 'conversations'", None, tuple(record))
    image = record.get("image") or None
    if image is not None and not isinstance(image, str):
        raise RefusedError("'image' is no string,", has_key=True)
    answers = answers_of(record["conversations"])
    caption = SEPARATOR.join(answers)
    token = f"{IMAGE}{SEPARATOR}" if image else ""
    return {**record, "text": f"{token}{caption} {END}", "images": [image] if image else []}


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
    caption, and the turns after it are removed. Null fields are left out. A sample without a conversation gets one,
    with the token as its question.
    """
    caption = str(sample["text"]).replace(END, "").replace(IMAGE, "").strip()
    turns = sample.get("conversations") or [{"from": "human", "value": IMAGE}, {"from": "gpt", "value": ""}]
    lines = caption.split(SEPARATOR)
    answers = lines if len(lines) == len(turns) // 2 else [caption]
    answered = [
        {**turn, "value": answers[number // 2]} if number % 2 else turn
        for number, turn in enumerate(turns[: 2 * len(answers)])
    ]
    fields = {key: value for key, value in sample.items() if key not in ADDED and value is not None}
    image = sample.get("image") or next(iter(sample.get("images") or ()), None)
    return {**fields, **({"image": image} if image else {}), "conversations": answered}
