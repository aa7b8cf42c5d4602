"""The marks in a text that stand for media, and the chunks of text between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["images", "videos"]


class Chunk(NamedTuple):
    """A piece of a text that speaks of media: its text without marks, and which of the listed media it means."""

    text: str
    media: slice


@dataclass(frozen=True)
class SpecialTokens:
    """The marks that a recipe uses: one for each image, video and audio clip, and the end of a chunk."""

    image: str = "<__dj__image>"
    video: str = "<__dj__video>"
    audio: str = "<__dj__audio>"
    eoc: str = "<|__dj__eoc|>"

    def chunks(self, text: str, kind: Kind, listed: int) -> list[Chunk]:
        """Return the chunks that speak of media, in order.

        The marks of a chunk take the next of the `listed` media, so many as there are marks. Chunks without a mark, and
        those that come when all media are taken, are left out.
        """
        token = self.image if kind == "images" else self.video
        chunks: list[Chunk] = []
        taken = 0
        for piece in text.split(self.eoc):
            count = min(piece.count(token), listed - taken)
            if count:
                chunks.append(Chunk(self.without(piece), slice(taken, taken + count)))
            taken += count
        return chunks

    def without(self, text: str) -> str:
        """Return a text without any mark, stripped after each kind of them; white space inside stays as it is."""
        for token in (self.image, self.audio, self.video, self.eoc):
            text = text.replace(token, "").strip()
        return text
