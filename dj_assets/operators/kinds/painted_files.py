"""Write the pictures of a call of a model that paints: no call is repeated, and every one is kept."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from dj_assets.models.text.budget import Budget
from dj_assets.models.text.pictures import Uint8s
from dj_assets.operators.batch import Batch
from dj_assets.operators.kinds.media_maker import files_of

ImageFormat = Literal["jpg", "png"]
# Pictures, and facts about the call for its record.
Painted = tuple[Sequence[Uint8s], Mapping[str, Any]]
_JPEG_QUALITY = 95


def painted_files(
    batch: Batch, key: str, described: Mapping[str, Any], paint: Callable[[], Painted], kind: ImageFormat
) -> tuple[str, ...]:
    """Return the files of a call; `paint` is called unless they were made before.

    `key` is that of the request, and `described` the request in the form of the calls of language models, of which it
    is one more: `model`, `messages`, `sampling`, `prompt` and `attempt`.

    Raises
    ------
    TextModelError
        If the budget of calls is spent.
    """
    own = hashlib.sha256(f"{key}{kind}".encode()).hexdigest()
    files, kept = files_of(batch), batch.models.answers
    names = files.recorded(own)
    if names is None:
        asked = time.time()
        Budget.of_settings().begin(str(described["model"]), kept)
        pictures, facts = paint()
        names = tuple(files.write(encoded(picture, kind), f".{kind}") for picture in pictures)
        files.record(own, names)
        if kept is not None:
            kept.write(own, {"request": dict(described), "asked": asked, "answer": _answer(names, facts)})
    return names


def encoded(picture: Uint8s, kind: ImageFormat) -> bytes:
    """Return the content of an image file of a kind, `jpg` or `png`."""
    from PIL import Image

    content = io.BytesIO()
    if kind == "jpg":
        Image.fromarray(picture).save(content, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def _answer(names: tuple[str, ...], facts: Mapping[str, Any]) -> dict[str, Any]:
    seconds = float(facts.get("seconds", 0.0))
    return {
        "text": "\n".join(names),
        "tokens_in": None,
        "tokens_out": None,
        "finish_reason": "painted",
        "seconds": seconds,
        "facts": {name: value for name, value in facts.items() if name != "seconds"},
    }
