from __future__ import annotations

from pathlib import Path

import pytest

from dj_assets.models.kenlm_file import UnreadableModelError, read_kenlm
from tests.paths import shared

PLAIN_TRIE, PROBING, QUANTISED = 2, 0, 3


@pytest.fixture
def content() -> bytearray:
    return bytearray((shared() / "conformance" / "models" / "en.arpa.bin").read_bytes())


@pytest.mark.shared
def test_a_trie(tmp_path: Path, content: bytearray) -> None:
    (tmp_path / "copy.bin").write_bytes(content)
    model = read_kenlm(tmp_path / "copy.bin")
    assert model.words == len(model.hashes) + 1 == 8032
    assert len(model.levels) == 4
    assert [level.next_bits for level in model.levels] == [17, 16, 15, 0]
    assert (model.weights[: model.words, 0] <= 0).all()
    assert (model.extensions[1:, 1] >= model.extensions[:-1, 1])[: model.words].all()


@pytest.mark.shared
@pytest.mark.parametrize("kind", [PROBING, QUANTISED])
def test_another_search_is_not_read(tmp_path: Path, content: bytearray, kind: int) -> None:
    content[96] = kind
    (tmp_path / "other.bin").write_bytes(content)
    with pytest.raises(UnreadableModelError, match="no plain trie"):
        read_kenlm(tmp_path / "other.bin")


@pytest.mark.shared
def test_a_file_that_breaks_off_is_not_read(tmp_path: Path, content: bytearray) -> None:
    (tmp_path / "cut.bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableModelError, match="ends after"):
        read_kenlm(tmp_path / "cut.bin")


@pytest.mark.parametrize(
    "text", [b"", b"\\data\\\nngram 1=3\n", b"mmap lm http://kheafield.com/code format version 5\n\0"]
)
def test_other_files_are_not_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "other.arpa").write_bytes(text)
    with pytest.raises(UnreadableModelError):
        read_kenlm(tmp_path / "other.arpa")
