"""Two finished runs over the same samples: with duplicates, failures, a broken line, and hostile texts and fields."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import dj_assets
from dj_assets.explore.opened_run import OpenedRun
from dj_assets.subset.finished import finished_run
from tests.documents import write_jsonl

RECIPE = """\
# thresholds of the test
process:
  - whitespace_normalization_mapper:
  - text_length_filter:
      min_len: 20   # the least
  - alphanumeric_filter: {min_ratio: MIN}
  - word_repetition_filter: {rep_len: 3, max_ratio: 1.0}
  - document_deduplicator:
"""
HOSTILE = "<img src=x onerror=alert(1)> </script><script>document.title='owned'</script> \u202e" + (
    " another sentence again" * 12
)
_WORDS = "remember gardens beneath mountains stories travelling northwards yesterday children listening".split()


def write_source(folder: Path) -> Path:
    """Write 300 records: of 20 to 900 characters, every fourth with signs, every tenth a text that was there before."""
    records: list[dict[str, object]] = []
    for number in range(300):
        chance = random.Random(number)
        words = chance.choices(_WORDS, k=1 + number * 7 % 90)
        signs = ["?!"] * (len(words) * (number % 40) // 8 if number % 4 == 0 else 0)
        text = records[-1]["text"] if number % 10 == 9 else " ".join([*words, *signs])
        records.append({"text": text, "lang": ("en", "de", "fr")[number % 3], "site": f"site-{number % 5}"})
    records[7] |= {"text": HOSTILE, "id": "<b>seven</b>"}
    records[8]["text"] = "A  text\u00a0with \u3000 white space   everywhere, normalization changes something here."
    source = write_jsonl(folder / "a.jsonl", records)
    with source.open("a") as lines:
        lines.write("{broken\n" + json.dumps({"text": None}) + "\n")
    return source


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    source = write_source(folder)
    for least in ("0.3", "0.72"):
        (folder / "r.yaml").write_text(RECIPE.replace("MIN", least))
        dj_assets.run_recipe(folder / "r.yaml", [source], folder / "out", workers=1, overwrite=True)
    return folder


@pytest.fixture
def opened(made):
    run = OpenedRun("out", *finished_run(str(made / "out")))
    yield run
    run.close()
    (made / "out/labels.jsonl").unlink(missing_ok=True)
