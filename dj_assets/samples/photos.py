"""The LLaVA sample: scenes with captions as conversations, and records with every kind of defect among them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dj_assets.samples.grammar import Dice
from dj_assets.samples.scenes import Scene, noise

Record = dict[str, object]
Content = Callable[[], bytes]
QUESTIONS = (
    "What is in this picture?",
    "Say in one sentence what you see.",
    "Give the picture a short caption.",
    "Sum up the image.",
)
_SCENES = 44
# An EXIF block with the orientation "rotate by 90 degrees".
_ROTATED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@dataclass(frozen=True)
class Photo:
    """Hold one record of the LLaVA sample: its caption, its image and its planted defect."""

    caption: str
    image: str | None
    content: Content | None = None
    planted: str = ""


def jpeg(scene: Scene, width: int = 320, height: int = 240, **options: object) -> bytes:
    """Return a scene as a JPEG file."""
    file = io.BytesIO()
    scene.picture(width, height).save(file, "JPEG", quality=80, **options)
    return file.getvalue()


def photos() -> Iterator[Photo]:
    """Yield the records of the LLaVA sample in order."""
    plain = [_photo(number) for number in range(_SCENES)]
    yield from Dice("llava/order").shuffled([*plain, *_planted_photos()])


def llava_records() -> tuple[list[Record], dict[str, list[int]]]:
    """Return the records of the LLaVA sample, and their numbers for each kind of defect."""
    records: list[Record] = []
    planted: dict[str, list[int]] = {}
    for number, photo in enumerate(photos()):
        dice = Dice(f"llava/question/{number}")
        question = dice.pick(QUESTIONS)
        asked = question if photo.image is None else dice.pick((f"<image>\n{question}", f"{question}\n<image>"))
        turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": photo.caption}]
        record: Record = {"id": f"{number:09}", "image": photo.image, "conversations": turns}
        if photo.planted == "no_answer":
            record["conversations"] = turns[:1]
        records.append({key: value for key, value in record.items() if value is not None})
        if photo.planted:
            planted.setdefault(photo.planted, []).append(number)
    return records, dict(sorted(planted.items()))


def _photo(number: int) -> Photo:
    scene = Scene.of(f"llava/{number}")
    dice = Dice(f"llava/size/{number}")
    width, height = dice.pick(((320, 240), (240, 320), (300, 300), (336, 224)))
    return Photo(scene.caption, f"{number % 4:05}/{number:09}.jpg", lambda: jpeg(scene, width, height))


def _planted_photos() -> list[Photo]:
    scene = Scene.of("llava/planted")
    caption, whole = scene.caption, jpeg
    turned = {"exif": _ROTATED}
    return [
        replace(_photo(3), planted="duplicate"),
        replace(_photo(5), planted="duplicate"),
        Photo(caption, "bad/truncated.jpg", lambda: whole(scene)[:3600], "truncated"),
        Photo(caption, "bad/empty.jpg", lambda: b"", "zero_bytes"),
        Photo(caption, "bad/text.jpg", lambda: b"This is no image, whatever its name says.\n", "no_image"),
        Photo(caption, "bad/missing.jpg", None, "missing"),
        Photo(caption, "../outside.jpg", None, "outside"),
        Photo(caption, "https://pictures.example/1.jpg", None, "url"),
        Photo(caption, "odd/wide.jpg", lambda: jpeg(scene, 480, 120), "elongated"),
        Photo(caption, "odd/large.jpg", lambda: jpeg(scene, 800, 640), "large"),
        Photo(caption, "odd/heavy.jpg", _heavy, "heavy"),
        Photo(caption, "odd/upright.jpg", lambda: jpeg(scene, 240, 320, **turned), "rotated"),
        Photo("A page of small print about taxes", "odd/other.jpg", lambda: jpeg(Scene.of("x")), "mismatched"),
        Photo("#### >>> 100% !!! $$$ @@@ ---", "odd/symbols.jpg", lambda: jpeg(Scene.of("y")), "symbols"),
        Photo("red boat " * 14, "odd/repeated.jpg", lambda: jpeg(Scene.of("z")), "repeated"),
        Photo(caption, None, None, "no_picture"),
        Photo(caption, "00000/000000000.jpg", None, "no_answer"),
    ]


def _heavy() -> bytes:
    file = io.BytesIO()
    noise("heavy", 300, 300).save(file, "JPEG", quality=97)
    return file.getvalue()
