from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.errors import UserError
from dj_assets.models.wordlists import checksum, word_lists, words


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), "utf-8")


def test_what_ships() -> None:
    assert len(words("flagged_words", "ldnoobw", "en")) == 403
    assert len(word_lists("flagged_words", "ldnoobw")) == 27
    assert "the" in words("stopwords", "stopwordsiso", "en")
    assert words("stopwords", "stopwordsiso", "zh") < words("stopwords", "stopwordsiso", "all")


def test_the_licence_lies_beside_the_list() -> None:
    import dj_assets.models

    folder = Path(dj_assets.models.__file__).parent / "wordlists"
    assert "CC-BY-4.0" in (folder / "LICENCE.md").read_text("utf-8")


def test_the_files_of_a_folder_add_up(tmp_path: Path) -> None:
    write(tmp_path, "my_stopwords.json", {"en": ["the", "a"], "xx": ["q"]})
    write(tmp_path, "stopwords2.json", {"en": ["of"]})
    write(tmp_path, "flagged_words.json", {"en": ["darn"]})
    assert words("stopwords", str(tmp_path), "en") == {"the", "a", "of"}
    assert words("stopwords", str(tmp_path), "all") == {"the", "a", "of", "q"}
    assert words("flagged_words", str(tmp_path), "en") == {"darn"}


def test_an_entry_for_all_wins_over_the_union(tmp_path: Path) -> None:
    write(tmp_path, "stopwords.json", {"en": ["the"], "all": ["x"]})
    assert words("stopwords", str(tmp_path), "all") == {"x"}


def test_mistakes_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no language 'tlhh'; it has ar, .* and 'all'"):
        words("flagged_words", "ldnoobw", "tlhh")
    with pytest.raises(UserError, match="neither a folder"):
        words("stopwords", str(tmp_path), "en")
    write(tmp_path, "stopwords.json", ["no", "languages"])
    with pytest.raises(UserError, match="not a JSON object"):
        words("stopwords", str(tmp_path), "en")


def test_the_checksum_is_of_the_words(tmp_path: Path) -> None:
    for name, entries in (("a", ["x", "y"]), ("b", ["y", "x"]), ("c", ["x"])):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "stopwords.json", {"en": entries})
    a, b, c = (checksum("stopwords", str(tmp_path / name), "en") for name in "abc")
    assert a == b != c
