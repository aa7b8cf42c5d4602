"""Active-speaker detection in the shape of Light-ASD (Liao et al. 2023): two light encoders and a recurrent layer.

The names of the layers are those of the paper's code, so that its weights can be loaded; this was tried with random
weights of that shape, not with the published file.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

_WIDTHS = (1, 32, 64, 128)
_FACE_MEAN, _FACE_DEVIATION = 0.4161, 0.1688


class LightAsd:
    """Score the frames of a face: positive where the person speaks."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401 - a module of torch
        self.network = network

    def __call__(self, sound: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Return one score for each frame.

        Parameters
        ----------
        sound
            Mel-frequency coefficients, 100 a second, shape `(n, 13)`.
        faces
            Grey faces, `uint8`, shape `(frames, 112, 112)`.
        """
        torch = import_module("torch")
        # the encoder halves the number of windows twice: four windows a frame
        wanted = np.linspace(0, max(0, len(sound) - 1), 4 * len(faces)).round().astype(int)
        heard = torch.from_numpy(sound[wanted].T.astype(np.float32))[None, None]
        seen = (torch.from_numpy(faces.astype(np.float32))[None, None] / 255 - _FACE_MEAN) / _FACE_DEVIATION
        with torch.inference_mode():
            scores = self.network(heard, seen)
        return np.asarray(scores[0].numpy())


@cache
def light_asd(path: Path) -> LightAsd:
    """Load the weights in a file; a pickle with anything but tensors is refused."""
    torch = import_module("torch")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    model = network()
    known = {name.removeprefix("model."): value for name, value in weights.items()}
    named = {name.replace("lossAV.FC.", "head."): value for name, value in known.items()}
    model.load_state_dict({name: value for name, value in named.items() if not name.startswith("lossV.")})
    return LightAsd(model.eval())


def network() -> Any:  # noqa: ANN401, C901 - a module of torch
    """Return the network with random weights."""
    torch = import_module("torch")
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Convolve in space (or frequency) and in time, by windows of three and of five."""

        def __init__(self, inputs: int, outputs: int, *, seen: bool, halved: bool = False) -> None:
            super().__init__()
            self.across = "s" if seen else "m"
            convolution, norm = (nn.Conv3d, nn.BatchNorm3d) if seen else (nn.Conv2d, nn.BatchNorm2d)
            for size in (3, 5):
                half = size // 2
                kernel: tuple[int, ...]
                padding: tuple[int, ...]
                along: tuple[int, ...]
                along_padding: tuple[int, ...]
                if seen:
                    kernel, padding = (1, size, size), (0, half, half)
                    along, along_padding = (size, 1, 1), (half, 0, 0)
                else:
                    kernel, padding = (size, 1), (half, 0)
                    along, along_padding = (1, size), (0, half)
                stride = (1, 2, 2) if halved else 1
                first = convolution(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
                self.add_module(f"{self.across}_{size}", first)
                self.add_module(f"bn_{self.across}_{size}", norm(outputs, momentum=0.01, eps=0.001))
                second = convolution(outputs, outputs, along, padding=along_padding, bias=False)
                self.add_module(f"t_{size}", second)
                self.add_module(f"bn_t_{size}", norm(outputs, momentum=0.01, eps=0.001))
            self.last = convolution(outputs, outputs, 1, bias=False)
            self.bn_last = norm(outputs, momentum=0.01, eps=0.001)

        def forward(self, x: Any) -> Any:  # noqa: ANN401
            """Return the sum of both windows, mixed."""
            both = 0
            for size in (3, 5):
                y = x
                for part in (self.across, "t"):
                    y = torch.relu(getattr(self, f"bn_{part}_{size}")(getattr(self, f"{part}_{size}")(y)))
                both = both + y
            return torch.relu(self.bn_last(self.last(both)))

    class Encoder(nn.Module):  # type: ignore[misc, name-defined]
        """Three blocks with pools between them."""

        def __init__(self, *, seen: bool) -> None:
            super().__init__()
            self.seen = seen
            for number in (1, 2, 3):
                halved = seen and number == 1
                widths = _WIDTHS[number - 1 : number + 1]
                self.add_module(f"block{number}", Block(*widths, seen=seen, halved=halved))
            window = ((1, 3, 3), (1, 2, 2), (0, 1, 1)) if seen else ((1, 1, 3), (1, 1, 2), (0, 0, 1))
            self.pool = nn.MaxPool3d(*window)

        def forward(self, x: Any) -> Any:  # noqa: ANN401
            """Return one vector for each frame, shape `(n, frames, 128)`."""
            x = self.pool(self.block1(x))
            x = self.block3(self.pool(self.block2(x)))
            return (x.amax(dim=(3, 4)) if self.seen else x.mean(dim=2)).transpose(1, 2)

    class Recurrent(nn.Module):  # type: ignore[misc, name-defined]
        """A recurrent layer in each direction; they are added."""

        def __init__(self) -> None:
            super().__init__()
            self.gru_forward = nn.GRU(128, 128, batch_first=True)
            self.gru_backward = nn.GRU(128, 128, batch_first=True)

        def forward(self, x: Any) -> Any:  # noqa: ANN401
            """Return one vector for each frame."""
            ahead = self.gru_forward(x)[0]
            back = self.gru_backward(torch.flip(ahead, dims=[1]))[0]
            return nn.functional.gelu(ahead + torch.flip(back, dims=[1]))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        """Both encoders, the recurrent layer and a linear one."""

        def __init__(self) -> None:
            super().__init__()
            self.visualEncoder, self.audioEncoder = Encoder(seen=True), Encoder(seen=False)
            self.GRU = Recurrent()
            self.head = nn.Linear(128, 2)

        def forward(self, heard: Any, seen: Any) -> Any:  # noqa: ANN401
            """Return the score of every frame, shape `(n, frames)`."""
            return self.head(self.GRU(self.audioEncoder(heard) + self.visualEncoder(seen)))[..., 1]

    return Network()
