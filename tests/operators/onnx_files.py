"""Write tiny ONNX models without the library: messages of protobuf, by the numbers of their fields."""

from __future__ import annotations

import struct

FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """Write numbers as varints, texts and other messages with their lengths."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(content)) + content
    return out


def _tensor(name: str, shape: tuple[int, ...], values: list[float]) -> bytes:
    sizes = [(1, size) for size in shape]
    return _message(*sizes, (2, FLOAT), (8, name), (9, struct.pack(f"<{len(values)}f", *values)))


def _image(name: str, channels: int, side: int) -> bytes:
    dimensions = [(1, _message((1, size))) for size in (1, channels, side, side)]
    return _message((1, name), (2, _message((1, _message((1, FLOAT), (2, _message(*dimensions)))))))


def bright_texts(side: int) -> bytes:
    """Return a detector in the form of DB that takes bright pixels for text: the sum of colours, then a sigmoid."""
    convolution = _message((1, "picture"), (1, "w"), (1, "b"), (2, "sum"), (4, "Conv"))
    sigmoid = _message((1, "sum"), (2, "scores"), (4, "Sigmoid"))
    graph = _message(
        *((1, node) for node in (convolution, sigmoid)),
        (2, "bright"),
        *((5, tensor) for tensor in (_tensor("w", (1, 3, 1, 1), [20.0] * 3), _tensor("b", (1,), [0.0]))),
        (11, _image("picture", 3, side)),
        (12, _image("scores", 1, side)),
    )
    return _message((1, 7), (7, graph), (8, _message((1, ""), (2, 11))))
