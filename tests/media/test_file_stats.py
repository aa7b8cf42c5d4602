from __future__ import annotations

import os
from pathlib import Path

from dj_assets.media.file_stats import FileStat, digest_of, file_stats, is_text, unchanged


def test_a_file_that_was_replaced_touched_removed_or_came_is_not_the_same(tmp_path: Path) -> None:
    here, gone = tmp_path / "a.png", tmp_path / "b.png"
    here.write_bytes(b"one")
    os.utime(here, ns=(5, 5))
    known = file_stats([str(here), str(gone), str(here)])
    assert known == {str(here): FileStat(3, 5), str(gone): FileStat()}
    assert unchanged(known)

    os.utime(here, ns=(6, 6))
    assert not unchanged(known)
    here.write_bytes(b"longer")
    os.utime(here, ns=(5, 5))
    assert not unchanged(known)
    here.write_bytes(b"two")
    os.utime(here, ns=(5, 5))
    assert unchanged(known)
    gone.write_bytes(b"")
    assert not unchanged(known)
    here.unlink()
    assert not unchanged({str(here): known[str(here)]})


def test_a_digest_tells_paths_and_facts_but_not_their_order() -> None:
    one, other = {"a": FileStat(1, 2), "b": FileStat()}, {"b": FileStat(), "a": FileStat(1, 2)}
    assert digest_of(one) == digest_of(other)
    assert (
        len({digest_of(one), digest_of({"a": FileStat(1, 3), "b": FileStat()}), digest_of({"a": FileStat(1, 2)})}) == 3
    )
    assert digest_of({}) == ""


def test_a_path_that_no_file_can_have_is_none() -> None:
    assert file_stats(["a\0b"]) == {"a\0b": FileStat()}
    assert [is_text(path) for path in ("é.png", "\ud800.png")] == [True, False]
