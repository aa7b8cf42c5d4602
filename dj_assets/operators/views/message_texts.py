"""The texts of messages of language models, in the forms of several platforms."""

from __future__ import annotations

_THOUGHTS = ("thinking", "reasoning", "reasoning_content")


def content_text(content: object) -> str:
    r"""Return the content of a message as one text: a text, or a list of texts and blocks, one a line.

    A block has a `text`, or thoughts. White space at both ends goes.

    Examples
    --------
    >>> content_text([{"type": "text", "text": "Hello"}, {"thinking": "hm"}, "there "])
    'Hello\nhm\nthere'
    """
    if isinstance(content, list):
        parts = (_block(part) if isinstance(part, dict) else part.strip() for part in content if _is_part(part))
        return "\n".join(filter(None, parts)).strip()
    return _fragment(content)


def text_of_choices(choices: object) -> str:
    """Return the first text among the answers of a model, empty if there is none."""
    for choice in choices if isinstance(choices, list) else ():
        message = (choice.get("message") or choice.get("delta") or choice) if isinstance(choice, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        text = content_text(content) if isinstance(content, str | list) else ""
        if text:
            return text
    return ""


def _is_part(part: object) -> bool:
    return isinstance(part, str | dict)


def _block(block: dict[str, object]) -> str:
    kind = block.get("type")
    if kind in {"text", "input_text"} or (kind not in _THOUGHTS[:2] and block.get("text") is not None):
        return _fragment(block.get("text"))
    if kind in _THOUGHTS[:2] or any(block.get(key) for key in ("thinking", "reasoning_content")):
        return _fragment(next((block[key] for key in _THOUGHTS if block.get(key)), None))
    return ""


def _fragment(value: object) -> str:
    if isinstance(value, dict):
        parts = (value.get(key) for key in ("value", "text", "content"))
        return _fragment(next((part for part in parts if part not in (None, "")), None))
    if isinstance(value, list):
        return "\n".join(_fragment(part) for part in value if part not in (None, "")).strip()
    return "" if value is None else str(value).strip()
