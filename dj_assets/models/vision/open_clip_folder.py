"""CLIP from a folder of open_clip, run by that library: any of its architectures."""

from __future__ import annotations

from pathlib import Path

from dj_assets.models.vision.backend import Array, Backend, TorchBackend
from dj_assets.models.vision.device import Device, normalised
from dj_assets.models.vision.pixels import preprocessing


class OpenClipModel:
    """A model that open_clip creates from a folder."""

    def __init__(self, folder: Path, on: Device) -> None:
        import open_clip

        prepared = preprocessing(folder)
        self.mean, self.std = prepared.mean, prepared.std
        self.backend: Backend = TorchBackend(on.name, half=on.half)
        self.model = open_clip.create_model(f"local-dir:{folder}").eval().to(on.name)
        self.context: int = self.model.context_length
        self.scale = float(self.model.logit_scale.detach().exp())

    def see(self, pixels: Array) -> Array:
        """Return a unit vector for every picture."""
        return self.model.encode_image(normalised(pixels, self.mean, self.std), normalize=True)

    def read(self, tokens: Array) -> Array:
        """Return a unit vector for every text."""
        return self.model.encode_text(tokens, normalize=True)
