from __future__ import annotations

import hashlib
from typing import Any

from dj_assets.operators.dedup.document_deduplicator import DocumentDeduplicator


def signed(bench: Any, made: DocumentDeduplicator, *texts: str) -> list[bytes]:
    return made.sign(bench.batch(made, list(texts))).to_pylist()


def test_the_signature_is_the_md5_of_the_text_without_white_space_at_its_ends(bench: Any) -> None:
    assert signed(bench, DocumentDeduplicator(), " A b\n", "") == [
        hashlib.md5(b"A b").digest(),
        hashlib.md5(b"").digest(),
    ]


def test_case_and_other_characters_may_not_matter(bench: Any) -> None:
    loose = DocumentDeduplicator(lowercase=True, ignore_non_character=True)
    one, two, three, chinese = signed(bench, loose, "Ab c, 12!", "abc", "abc。", "a٣b c")
    assert one == two == chinese
    assert three != one
    strict, other = signed(bench, DocumentDeduplicator(), "Abc", "abc")
    assert strict != other
