"""Find the marks in a text that represent media, and the chunks of text between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["images", "videos", "audios"]


class Chunk(NamedTuple):
    """Hold a chunk of a text with media: its text without marks, and the indices of its listed media."""

    text: str
    media: slice


@dataclass(frozen=True)
class SpecialTokens:
    """Hold the marks of a recipe: one for each image, video and audio clip, and the end of a chunk."""

    image: str = "<__dj__image>"
    video: str = "<__dj__video>"
    audio: str = "<__dj__audio>"
    eoc: str = "<|__dj__eoc|>"

    def chunks(self, text: str, kind: Kind, listed: int) -> list[Chunk]:
        """Return the chunks that refer to media, in order.

        Each mark of a chunk takes the next of the `listed` media. Chunks without a mark, and chunks after the last
        medium is taken, are left out.
        """
        token = {"images": self.image, "videos": self.video, "audios": self.audio}[kind]
        chunks: list[Chunk] = []
        taken = 0
        for piece in text.split(self.eoc):
            count = min(piece.count(token), listed - taken)
            if count:
                chunks.append(Chunk(self.without(piece), slice(taken, taken + count)))
            taken += count
        return chunks

    def without(self, text: str) -> str:
        """Return a text without any mark, stripped after each kind of mark; white space inside does not change."""
        for token in (self.image, self.audio, self.video, self.eoc):
            text = text.replace(token, "").strip()
        return text
