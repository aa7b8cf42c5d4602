from __future__ import annotations

import pytest

from dj_assets.assets.labels import MAX_KEY, metadata_key, short_name
from dj_assets.assets.pictures import literal


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("alphanumeric_filter", "alphanumeric"),
        ("clean_email_mapper_2", "clean_email_2"),
        ("document_simhash_deduplicator", "document_simhash"),
        ("load", "load"),
    ],
)
def test_short_names(label, short):
    assert short_name(label) == short


def test_long_names_are_cut_but_keep_their_number():
    label = "video_tagging_from_frames_with_a_long_name_filter"
    first, second = metadata_key("kept", label), metadata_key("kept", label + "_2")
    assert len(first) == len(second) == MAX_KEY
    assert second.endswith("_2")
    assert first != second


def test_literal_text_holds_no_markup():
    assert literal("a*b_c") == "a&#42;b&#95;c"
    assert not set(literal("[x](y) <b> ~~z~~ `q` $m$ & \\")) & set("*_~`<>[]$\\")
