from __future__ import annotations

import pytest

from dj_assets.media.tokens import Chunk, SpecialTokens

T = SpecialTokens()
IMAGE, VIDEO, END = T.image, T.video, T.eoc


@pytest.mark.parametrize(
    ("text", "listed", "chunks"),
    [
        (f"{IMAGE} a cat {END}", 1, [Chunk("a cat", slice(0, 1))]),
        (f"{IMAGE}a{END}b{END}{IMAGE}{IMAGE} c", 3, [Chunk("a", slice(0, 1)), Chunk("c", slice(1, 3))]),
        (f"{IMAGE}{IMAGE} a{END}{IMAGE} b", 1, [Chunk("a", slice(0, 1))]),
        (f"{IMAGE} a", 0, []),
        (f"{VIDEO} a", 1, []),
        ("no mark", 1, []),
        ("", 1, []),
        (IMAGE, 1, [Chunk("", slice(0, 1))]),
    ],
)
def test_the_chunks_that_speak_of_images(text: str, listed: int, chunks: list[Chunk]) -> None:
    assert T.chunks(text, "images", listed) == chunks


def test_videos_have_marks_of_their_own_and_marks_have_names() -> None:
    assert T.chunks(f"{IMAGE}{VIDEO} x", "videos", 1) == [Chunk("x", slice(0, 1))]
    named = SpecialTokens(image="<image>")
    assert named.chunks("<image>\na dog", "images", 1) == [Chunk("a dog", slice(0, 1))]
    assert named.without(f"{IMAGE} stays") == f"{IMAGE} stays"


def test_white_space_inside_stays() -> None:
    assert T.without(f"  x {VIDEO}  y ") == "x   y"
