from __future__ import annotations

import pytest
import yaml

from dj_assets.recipe.edit import set_parameters
from dj_assets.recipe.yaml_file import read_yaml

BLOCK = """\
# kept
process:
  - text_length_filter:   # how long
      min_len: 10  # too short below
      max_len: 2e5
  - clean_email_mapper:
  - alphanumeric_filter:  # bare
  - word_repetition_filter:
      lang: en

asset: {subset: s, group: g}
"""


def test_only_the_values_change():
    after = set_parameters(BLOCK, {0: {"min_len": 25, "max_len": 1000}})
    assert after == BLOCK.replace("min_len: 10", "min_len: 25").replace("2e5", "1000")


def test_new_parameters_are_added_below_the_others_or_as_the_first():
    after = set_parameters(BLOCK, {3: {"max_ratio": 0.2}, 2: {"min_ratio": 0.5, "max_ratio": 0.9}})
    assert after == BLOCK.replace("lang: en\n", "lang: en\n      max_ratio: 0.2\n").replace(
        "  # bare\n", "  # bare\n      min_ratio: 0.5\n      max_ratio: 0.9\n"
    )


@pytest.mark.parametrize("line_feed", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "process"),
    [
        ("process: [text_length_filter]", [{"text_length_filter": {"min_len": 7}}]),
        ("process:\n- text_length_filter", [{"text_length_filter": {"min_len": 7}}]),
        ("process:\n- text_length_filter:", [{"text_length_filter": {"min_len": 7}}]),
        ("process:\n- text_length_filter: {}\n", [{"text_length_filter": {"min_len": 7}}]),
        ("process:\n- text_length_filter: null # no\n", [{"text_length_filter": {"min_len": 7}}]),
        ("process: [{text_length_filter: }, b]", [{"text_length_filter": {"min_len": 7}}, "b"]),
        ("process: [{text_length_filter: {max_len: 9}}]", [{"text_length_filter": {"max_len": 9, "min_len": 7}}]),
        ("process: [{text_length_filter: {min_len: 9}}]", [{"text_length_filter": {"min_len": 7}}]),
        ("process:\n- text_length_filter:\n    min_len:\n", [{"text_length_filter": {"min_len": 7}}]),
        (
            "process:\n- text_length_filter:\n    some: [1,\n      2]  # two\n\n# end\n- b",
            [{"text_length_filter": {"some": [1, 2], "min_len": 7}}, "b"],
        ),
        (
            "process:\n- text_length_filter:\n    some:\n    - 1\n\n- b",
            [{"text_length_filter": {"some": [1], "min_len": 7}}, "b"],
        ),
    ],
)
def test_every_layout(text, process, line_feed):
    after = set_parameters(text.replace("\n", line_feed), {0: {"min_len": 7}})
    assert yaml.safe_load(after) == {"process": process}
    assert after.count("\n") == after.count(line_feed)


@pytest.mark.parametrize("value", [1e-05, 1e300, -2.5e-07, 0.1, 3, 123456789012345678])
def test_numbers_read_back(tmp_path, value):
    (tmp_path / "a.yaml").write_text(set_parameters("process: [a]", {0: {"x": value}}))
    assert read_yaml(tmp_path / "a.yaml") == {"process": [{"a": {"x": value}}]}


@pytest.mark.parametrize(
    "text",
    [
        "x: &p {min_len: 1}\nprocess:\n- text_length_filter: *p\n",
        "x: &p {min_len: 1}\nprocess:\n- text_length_filter:\n    <<: *p\n",
        "text: only\n",
        "",
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text):
    with pytest.raises(ValueError, match=r"alias|no list 'process'"):
        set_parameters(text, {0: {"min_len": 7}})
