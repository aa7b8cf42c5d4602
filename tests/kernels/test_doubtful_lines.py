from __future__ import annotations

import numpy as np
import pytest

from dj_assets.kernels.unicode_repair import DOUBT, doubtful_lines
from dj_assets.operators.views.unicode_repair import repair_tables


@pytest.mark.parametrize("plain", [b"x", b" ", b"~", b"'"])
def test_every_byte_is_seen_at_every_place_of_eight(plain: bytes) -> None:
    table = repair_tables("NFC").characters
    wrong = []
    for byte in range(128):
        for before in range(18):
            line = plain * before + bytes([byte]) + b"amp;" + b"y" * (before % 9)
            data, offsets = np.frombuffer(line, np.uint8), np.array([0, len(line)], np.int32)
            starts, ends, seen, _ = doubtful_lines(data, offsets, table)
            doubtful = byte in b"&\x7f" or (byte < 32 and byte not in b"\t\n")
            expected = [(0, len(line), True)] if doubtful else []
            if [*zip(starts, ends, seen & DOUBT != 0, strict=True)] != expected:
                wrong.append(line)
    assert wrong == []


def test_an_angle_bracket_anywhere_makes_entities_markup() -> None:
    table = repair_tables("NFC").characters
    for before in range(18):
        line = b"x" * before + b"<" + b"y" * 9 + b"&amp;" + b"z" * 9
        starts, _, _, _ = doubtful_lines(np.frombuffer(line, np.uint8), np.array([0, len(line)], np.int32), table)
        assert len(starts) == 0, line
