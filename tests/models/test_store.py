from __future__ import annotations

import json
from pathlib import Path

import pytest

from dj_assets.errors import MissingModelError
from dj_assets.models.store import DEMO, ModelStore


def test_the_first_folder_wins_and_other_file_names_answer(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    (second / "en.arpa.bin").touch()
    (first / "en.arpa.gz").touch()
    assert ModelStore((first, second)).find("en.arpa.bin").path == first / "en.arpa.gz"
    assert ModelStore((second, first)).find("en.arpa.bin").path == second / "en.arpa.bin"


def test_aliases_point_a_name_at_another_file(tmp_path: Path) -> None:
    (tmp_path / "mine.model").touch()
    (tmp_path / "aliases.json").write_text(json.dumps({"zh.sp.model": "mine.model"}))
    assert ModelStore((tmp_path,)).find("zh.sp.model").path == tmp_path / "mine.model"


def test_an_absolute_path_is_that_model_with_and_without_folders(tmp_path: Path) -> None:
    path = tmp_path / "mine.bin"
    path.touch()
    for folders in ((), (tmp_path / "models",)):
        found = ModelStore(folders).find(str(path))
        assert (found.path, found.note) == (path, "")


def test_embedded_models_carry_a_note(tmp_path: Path) -> None:
    found = ModelStore((tmp_path,)).find("lid.176.bin")
    assert found.path.name == "lid.176.ftz"
    assert "compressed" in found.note


def test_half_of_a_pair_is_never_completed_by_the_demo(tmp_path: Path) -> None:
    assert ModelStore((tmp_path,)).find("en.arpa.bin").note == DEMO
    (tmp_path / "en.sp.model").touch()
    with pytest.raises(MissingModelError, match=r"en\.arpa\.bin"):
        ModelStore((tmp_path,)).find("en.arpa.bin")


def test_a_missing_model_says_who_wants_it_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError) as caught:
        ModelStore((tmp_path,)).find("zh.arpa.bin", wanted_by="r.yaml: process[3]")
    message = str(caught.value)
    assert message.startswith("r.yaml: process[3]: ")
    assert "dj-assets models pull zh.arpa.bin" in message
    assert str(tmp_path) in message


def test_what_is_no_download_of_ours_comes_with_its_own_command(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError) as caught:
        ModelStore((tmp_path,)).find("zh_core_web_md")
    assert 'get it with "python -m spacy download zh_core_web_md"' in str(caught.value)
    assert "models pull" not in str(caught.value)


def test_a_model_that_nobody_knows_leads_to_no_command(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"\); point DJ_MODELS or --models at a folder that has it"):
        ModelStore((tmp_path,)).find("klingon.sp.model")
