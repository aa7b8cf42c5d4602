from __future__ import annotations

import json

import pytest
import zstandard

from dj_assets.recipe.model import Source
from dj_assets.sources.formats.alpaca_cot import language_of
from dj_assets.subset.entries import source_files
from tests.paths import shared
from tests.sources.reading import read, together

ENGLISH = {"instruction": "Name a colour.", "input": "", "output": "Blue."}
CHINESE = {"instruction": "说出一种颜色。", "input": "请简短", "output": "蓝色。"}


def parsed(folder, language=None):
    entry = Source(paths=("raw",), format="alpaca_cot", language=language)
    return [together(read(file)) for file in source_files([entry], folder, folder)]


def counted(folder, language):
    entry = Source(paths=("raw",), format="alpaca_cot", language=language)
    blocks = [block for file in source_files([entry], folder, folder) for block in read(file)]
    return [(block.records, block.left_out) for block in blocks]


@pytest.fixture
def raw(tmp_path):
    for name, records in {"alpaca": [ENGLISH, CHINESE], "belle": [CHINESE]}.items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "train.json").write_text(json.dumps(records, ensure_ascii=False))
    return tmp_path


def test_the_parts_become_one_text_and_the_folder_its_origin(raw):
    first, second = parsed(raw)
    assert first.rows["text"].to_pylist() == ["Name a colour.  Blue.", "说出一种颜色。 请简短 蓝色。"]
    fields = [json.loads(record) for record in first.rows["fields"].to_pylist()]
    assert fields[0] == {
        **ENGLISH,
        "text": None,
        "meta": {"Dataset": "alpaca", "Lang": "EN", "origin_path": "alpaca/train.json"},
    }
    assert fields[1]["meta"]["Lang"] == "CN"
    assert json.loads(second.rows["fields"][0].as_py())["meta"]["Dataset"] == "belle"


def test_the_same_raw_folder_gives_each_language_its_records(raw):
    assert counted(raw, "en") == [(1, 1), (0, 1)]
    assert counted(raw, "zh") == [(1, 1), (1, 0)]


def test_bad_records_are_refused_with_their_place(tmp_path):
    (tmp_path / "raw").mkdir()
    lines = [
        json.dumps({**ENGLISH, "output": ["a list"]}),
        json.dumps({"question": "?"}),
        json.dumps({"instruction": None, "output": "Only this."}),
        '{"instruction": ',
    ]
    (tmp_path / "raw/a.jsonl").write_text("\n".join(lines))
    (found,) = parsed(tmp_path)
    assert found.rows["text"].to_pylist() == ["  Only this."]
    errors = [(reject.row, reject.dropped, reject.error) for reject in found.rejects]
    assert errors[0] == (0, False, "'output' is no string, at line 1 (row 0), byte 0")
    assert errors[1] == (1, True, "none of the keys instruction, input, output")
    assert errors[2][0] == 3
    assert "broken JSON" in errors[2][2]


def test_what_was_merged_before_stays_whatever_its_language(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.jsonl").write_text(json.dumps({**CHINESE, "text": "已经合并"}))
    (found,) = parsed(tmp_path, "en")
    assert found.rows["text"].to_pylist() == ["已经合并"]
    assert json.loads(found.rows["fields"][0].as_py()) == {**CHINESE, "text": None}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("1 + 1 = 2", "en"),
        ("Translate 你好 into English, then explain the grammar.", "en"),
        ("用 Python 写一个函数：def f(x): return x", "zh"),
        ("日本", "zh"),
        ("Привет, мир", "en"),
    ],
)
def test_a_text_is_chinese_by_the_share_of_its_letters(text, language):
    assert language_of(text) == language


@pytest.mark.shared
@pytest.mark.parametrize(("name", "most"), [("alpaca_cot_en", 5), ("alpaca_cot_zh", 50)])
def test_texts_of_the_public_set_are_merged_and_sorted_as_published(name, most, tmp_path):
    (tmp_path / "raw").mkdir()
    records = []
    data = shared() / f"data/{name}.jsonl.zst"
    with zstandard.open(data, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            records.append((record.pop("text"), record))
    (tmp_path / "raw/a.jsonl").write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for _, record in records)
    )
    (every,) = parsed(tmp_path)
    assert every.rows["text"].to_pylist() == [text for text, _ in records]
    assert sum(left_out for _, left_out in counted(tmp_path, name[-2:])) <= most
